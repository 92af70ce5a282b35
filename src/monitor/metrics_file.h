// SPDX-License-Identifier: Apache-2.0
// monitor/metrics_file.h - a metrics file for the textfile collector of Prometheus' node exporter.
//
// A reader finds either the previous text or the new text, never a part. The file is not synced, because metrics from
// before a crash of the machine are of no use. Its mode is 0644, so that the exporter's user may read it. Source: of
// its directory, the collector reads only the files *.prom. Threads: an object belongs to one thread at a time.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace imakeep::monitor {

class MetricsFile {
 public:
  // kUsage for a name that the collector would ignore, and for an existing file that holds something else.
  static Result<void> check(const std::string& path);

  explicit MetricsFile(std::string path) : path_(std::move(path)) {}

  // kEnvironment or kIo, naming the file; the previous file then stays.
  Result<void> write(std::string_view text) const;
  // Removes the file. A reader takes the file's metrics for current ones, so the file must not outlive its writer.
  void remove() const;

 private:
  std::string path_;
};

}  // namespace imakeep::monitor
