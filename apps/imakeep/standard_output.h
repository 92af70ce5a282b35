// SPDX-License-Identifier: Apache-2.0
// standard_output.h - where the log commands print records and say what is missing.
#pragma once

#include <cstdio>

#include "cli/terminal.h"
#include "output/record_feed.h"

namespace imakeep::app {

class StandardOutput : public output::FeedSink {
 public:
  explicit StandardOutput(std::string archive) : archive_(std::move(archive)) {}

  Result<void> write(std::string_view text) override {
    const bool written = std::fwrite(text.data(), 1, text.size(), stdout) == text.size() && std::fflush(stdout) == 0;
    return written ? Result<void>() : fail_errno(errno, "cannot write to standard output");
  }
  void report(const Error& error) override { cli::report(error, archive_); }

 private:
  const std::string archive_;
};

}  // namespace imakeep::app
