// terminal.h - what commands have in common towards the person who runs them: errors, exit codes, progress.
#pragma once

#include <cstdint>
#include <cstdio>
#include <string>

#include "base/result.h"

namespace imakeep::app {

// Exit codes; CLI11's own usage errors are made kUsage by main().
inline constexpr int kDone = 0;
inline constexpr int kNotAsItShouldBe = 1;
inline constexpr int kWrongUsage = 2;
inline constexpr int kEnvironmentForbids = 3;

int exit_code(const Error& error);

// Prints "imakeep: WHERE: MESSAGE" to standard error and returns the exit code.
int report(const Error& error, const std::string& where = {});

// Prints it, indented, to standard output. Bytes that are no UTF-8, as paths may have, are replaced.
template <class Json>
void print_json(const Json& json) {
  std::printf("%s\n", json.dump(2, ' ', false, Json::error_handler_t::replace).c_str());
}

// A line on standard error that shows how far long work is: on a terminal only, and at most ten times a second.
class Progress {
 public:
  Progress(std::string what, std::uint64_t total);
  ~Progress();

  void advance(std::uint64_t steps = 1) { at(done_ + steps); }
  void at(std::uint64_t done);  // of the total; what is beyond it counts as all of it

 private:
  void draw() const;

  const std::string what_;
  const std::uint64_t total_;
  const bool shown_;
  std::uint64_t done_ = 0;
  std::int64_t drawn_at_ms_ = 0;
};

// "1.2 MB"
std::string human_bytes(std::uint64_t bytes);

}  // namespace imakeep::app
