// SPDX-License-Identifier: Apache-2.0
// cli/terminal.h - what all commands share for their user interface: errors, exit codes, progress.
#pragma once

#include <cstdint>
#include <cstdio>
#include <string>

#include "base/result.h"

namespace imakeep::cli {

// Exit codes. CommandLine::run() returns kWrongUsage for arguments that it refuses.
inline constexpr int kDone = 0;
inline constexpr int kNotAsItShouldBe = 1;
inline constexpr int kWrongUsage = 2;
inline constexpr int kEnvironmentForbids = 3;

int exit_code(const Error& error);

// Prints "imakeep: WHERE: MESSAGE" to standard error, escaped by printable(), and returns the exit code.
int report(const Error& error, const std::string& where = {});

// Opens /dev/null in place of each closed standard stream, so that no file opened later gets its number. Writing to
// such a stream fails as on a closed one. REQUIRES: called before anything else.
void fill_standard_streams();

// Flushes standard output. If any output there was lost, reports that and returns kEnvironmentForbids; otherwise
// returns `code`.
int end_of_output(int code);

// Prints indented JSON to standard output. Replaces bytes that are not valid UTF-8, which paths may contain.
template <class Json>
void print_json(const Json& json) {
  std::printf("%s\n", json.dump(2, ' ', false, Json::error_handler_t::replace).c_str());
}

// A line on standard error that shows the progress of long work: on a terminal only, at most ten times a second.
class Progress {
 public:
  Progress(std::string what, std::uint64_t total);
  ~Progress();

  void advance(std::uint64_t steps = 1) { at(done_ + steps); }
  void at(std::uint64_t done);  // absolute; values above the total count as the total

 private:
  void draw() const;

  const std::string what_;
  const std::uint64_t total_;
  const bool shown_;
  std::uint64_t done_ = 0;
  std::int64_t drawn_at_ms_ = 0;
};

}  // namespace imakeep::cli
