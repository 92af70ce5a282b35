// metrics_file.h - metrics in a file for the textfile collector of Prometheus' node exporter.
//
// A reader finds the text before or the text after, never half. Nothing is synced: numbers from before a crash of the
// machine are of no use. The file is 0644, so that whoever runs the exporter may read it. Source: the collector reads
// the files *.prom of its directory, and nothing else there. Threads: an object belongs to one thread at a time.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace imakeep::app {

class MetricsFile {
 public:
  // kUsage for a name that the collector would pass over.
  static Result<void> check_name(const std::string& path);

  explicit MetricsFile(std::string path) : path_(std::move(path)) {}

  // kEnvironment or kIo, naming the file; what was there stays.
  Result<void> write(std::string_view text) const;
  // Whoever reads metrics takes those of a file for what is now, so it goes with its writer.
  void remove() const;

 private:
  std::string path_;
};

}  // namespace imakeep::app
