// SPDX-License-Identifier: Apache-2.0
#include "cli/terminal.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <utility>

#include "base/text.h"

namespace imakeep::cli {

int exit_code(const Error& error) {
  switch (error.code) {
    case ErrorCode::kUsage:
      return kWrongUsage;
    case ErrorCode::kTruncated:
    case ErrorCode::kMalformed:
    case ErrorCode::kUnsupported:
    case ErrorCode::kMismatch:
      return kNotAsItShouldBe;
    case ErrorCode::kRefused:
    case ErrorCode::kEnvironment:
    case ErrorCode::kIo:
      return kEnvironmentForbids;
  }
  return kEnvironmentForbids;
}

int report(const Error& error, const std::string& where) {
  const std::string prefix = where.empty() ? "imakeep: " : "imakeep: " + where + ": ";
  std::fprintf(stderr, "%s\n", printable(prefix + describe(error)).c_str());
  return exit_code(error);
}

void fill_standard_streams() {
  for (const int stream : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (::fcntl(stream, F_GETFD) >= 0) continue;
    // The lower-numbered streams are open, so open() returns the number of this one.
    if (::open("/dev/null", stream == STDIN_FILENO ? O_WRONLY : O_RDONLY) != stream) ::_exit(kEnvironmentForbids);
  }
}

int end_of_output(int code) {
  const bool lost_before = std::ferror(stdout) != 0;
  errno = 0;
  if (std::fflush(stdout) == 0 && !lost_before) return code;
  const std::string what = "cannot write all of the output to standard output";
  return report(errno != 0 ? fail_errno(errno, what).value() : fail(ErrorCode::kIo, what).value());
}

namespace {

std::int64_t now_ms() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

}  // namespace

Progress::Progress(std::string what, std::uint64_t total)
    : what_(std::move(what)), total_(total), shown_(::isatty(STDERR_FILENO) == 1 && total > 0) {}

Progress::~Progress() {
  if (shown_) std::fprintf(stderr, "\r\033[K");
}

void Progress::at(std::uint64_t done) {
  done_ = done;
  constexpr std::int64_t kIntervalMs = 100;
  if (!shown_ || now_ms() - drawn_at_ms_ < kIntervalMs) return;
  drawn_at_ms_ = now_ms();
  draw();
}

void Progress::draw() const {
  constexpr std::uint64_t kWidth = 40;
  const auto filled = static_cast<std::size_t>(std::min(done_, total_) * kWidth / total_);
  const std::string bar = std::string(filled, '#') + std::string(kWidth - filled, '.');
  std::fprintf(stderr, "\r%s [%s] %llu/%llu", what_.c_str(), bar.c_str(), static_cast<unsigned long long>(done_),
               static_cast<unsigned long long>(total_));
}

}  // namespace imakeep::cli
