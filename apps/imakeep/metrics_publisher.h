// metrics_publisher.h - when metrics are made anew, and where they go. Threads: one, the keeper's.
#pragma once

#include <optional>
#include <string>

#include "metrics_file.h"
#include "metrics_snapshot.h"

namespace imakeep::app {

class MetricsPublisher {
 public:
  // Without any news they are made anew so often: they tell the time, and that the keeper is alive.
  static constexpr std::int64_t kEveryMs = 15'000;

  // Into the file, if it has a name, and into the snapshot, if there is one, which is kept by reference.
  MetricsPublisher(const std::string& file, MetricsSnapshot* snapshot);

  // Something is not as it was published.
  void changed() { changed_ = true; }
  // When to publish next, of a monotonic clock: 0 if at once, the largest number if never.
  std::int64_t due_ms() const;

  // The error is the text's, or the file's; then the snapshot has the text all the same.
  Result<void> publish(Result<std::string> text, std::int64_t now_ms);
  // The keeper is there no more, and neither is its file.
  void end();

 private:
  std::optional<MetricsFile> file_;
  MetricsSnapshot* const snapshot_;
  bool changed_ = true;
  std::int64_t published_ms_ = 0;
};

}  // namespace imakeep::app
