// SPDX-License-Identifier: Apache-2.0
// measured_files - makes files that IMA measures, and tells how long their open() waits for it. Runs in a machine of
// the lab, under a policy that measures what is read below DIR.
//
//   measured_files make N DIR      N records: each a new file, opened for reading and removed
//   measured_files watch DIR       until SIGTERM: opens the same file, made anew each time, so that IMA measures it and
//                                  finds that it has that record. A line an open: its start in microseconds since 1970,
//                                  and how many microseconds it took
#include <fcntl.h>
#include <sys/time.h>
#include <unistd.h>

#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

namespace {

volatile std::sig_atomic_t stopped = 0;

std::int64_t now_us() {
  timeval now{};
  ::gettimeofday(&now, nullptr);
  return std::int64_t{now.tv_sec} * 1'000'000 + now.tv_usec;
}

[[noreturn]] void die(const std::string& path) {
  std::perror(path.c_str());
  std::exit(1);
}

// Makes the file anew and opens it for reading, which measures it; returns how long that took.
std::int64_t measure(const std::string& path, const std::string& content) {
  ::unlink(path.c_str());
  const int written = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0644);
  if (written < 0 || ::write(written, content.data(), content.size()) < 0) die(path);
  ::close(written);
  const std::int64_t start = now_us();
  const int opened = ::open(path.c_str(), O_RDONLY);
  const std::int64_t took = now_us() - start;
  if (opened < 0) die(path);
  ::close(opened);
  return took;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string_view what = argc > 1 ? argv[1] : "";
  if (what == "make" && argc == 4) {
    // As long as paths of installed libraries are.
    const std::string path = std::string(argv[3]) + "/lib/x86_64-linux-gnu/libmeasured-";
    const std::string series = std::to_string(now_us());
    for (long i = 0; i < std::atol(argv[2]); ++i) {
      const std::string file = path + std::to_string(i) + ".so";
      measure(file, series + " " + std::to_string(i));
      ::unlink(file.c_str());
    }
    return 0;
  }
  if (what == "watch" && argc == 3) {
    std::signal(SIGTERM, [](int) { stopped = 1; });
    const std::string file = std::string(argv[2]) + "/watched";
    while (stopped == 0) {
      const std::int64_t start = now_us();
      const std::int64_t took = measure(file, "watched");
      std::printf("%lld %lld\n", static_cast<long long>(start), static_cast<long long>(took));
      ::usleep(200);
    }
    return 0;
  }
  std::fputs("measured_files make N DIR | watch DIR\n", stderr);
  return 2;
}
