// SPDX-License-Identifier: Apache-2.0
// monitor/metrics_publisher.h - decides when to make new metrics, and publishes them. Threads: one, the keeper's.
#pragma once

#include <optional>
#include <string>

#include "monitor/metrics_file.h"
#include "monitor/metrics_snapshot.h"

namespace imakeep::monitor {

class MetricsPublisher {
 public:
  // Metrics are made at least this often, because they contain the time and show that the keeper is alive.
  static constexpr std::int64_t kEveryMs = 15'000;

  // Publishes to `file`, unless the name is empty, and to `snapshot`, unless it is null. Keeps the pointer.
  MetricsPublisher(const std::string& file, MetricsSnapshot* snapshot);

  // The published metrics are out of date.
  void changed() { changed_ = true; }
  // When to publish next, by a monotonic clock: 0 for at once, the largest number for never.
  std::int64_t due_ms() const;

  // Fails with the error in `text`, or with the error of writing the file. In the second case, the snapshot has the
  // text nevertheless.
  Result<void> publish(Result<std::string> text, std::int64_t now_ms);
  // The keeper has ended: removes the file.
  void end();

 private:
  std::optional<MetricsFile> file_;
  MetricsSnapshot* const snapshot_;
  bool changed_ = true;
  std::int64_t published_ms_ = 0;
};

}  // namespace imakeep::monitor
