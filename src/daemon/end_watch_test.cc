// SPDX-License-Identifier: Apache-2.0
#include "daemon/end_watch.h"

#include <poll.h>
#include <unistd.h>

#include <csignal>
#include <thread>

#include <gtest/gtest.h>

namespace imakeep::daemon {
namespace end_watch_test {

// Longer than any thread waits for its turn.
constexpr std::chrono::milliseconds kLimit{400};

bool readable(int descriptor, int wait_ms) {
  pollfd event{.fd = descriptor, .events = POLLIN, .revents = 0};
  return ::poll(&event, 1, wait_ms) == 1;
}

// In a process of its own: a keeper that is told to end after it began `doing`, and whose loop then does `loop`.
[[noreturn]] void be_told_to_end(const std::string& doing, const std::function<void(Activity&, int told)>& loop,
                                 const std::function<void()>& say_late) {
  Activity activity;
  auto watch = EndWatch::start(EndWatch::take_signals().value(), activity, say_late, kLimit).value();
  activity.begin(doing);
  if (readable(watch->descriptor(), 0)) ::_exit(90);
  ::kill(::getpid(), SIGTERM);
  loop(activity, watch->descriptor());
  watch.reset();
  ::_exit(0);
}

void say_it() {
  std::fputs("it hangs\n", stderr);
}

TEST(EndWatchDeathTest, ALoopThatEndsIsLeftToItself) {
  const auto ends = [](Activity&, int told) {
    if (!readable(told, 10'000)) ::_exit(91);
  };
  EXPECT_EXIT(be_told_to_end("reading", ends, say_it), testing::ExitedWithCode(0), "^$");
}

TEST(EndWatchDeathTest, ALoopThatHangsIsEnded) {
  const auto hangs = [](Activity&, int) {
    for (;;) ::pause();
  };
  EXPECT_EXIT(be_told_to_end("reading", hangs, say_it), testing::ExitedWithCode(EndWatch::kExitCode), "it hangs");
}

TEST(EndWatchDeathTest, ALoopThatMakesProgressHasItsTime) {
  const auto reads = [](Activity& activity, int) {
    for (int i = 0; i < 20; ++i) {
      std::this_thread::sleep_for(kLimit / 10);
      activity.progress();
    }
  };
  EXPECT_EXIT(be_told_to_end("reading", reads, say_it), testing::ExitedWithCode(0), "^$");
}

TEST(EndWatchDeathTest, AHangingLogDoesNotDelayTheEnd) {
  const auto hangs = [](Activity&, int) {
    for (;;) ::pause();
  };
  EXPECT_EXIT(be_told_to_end("reading", hangs,
                             [] {
                               for (;;) ::pause();
                             }),
              testing::ExitedWithCode(EndWatch::kExitCode), "^$");
}

}  // namespace end_watch_test
}  // namespace imakeep::daemon
