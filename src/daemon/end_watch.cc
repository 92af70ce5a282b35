// SPDX-License-Identifier: Apache-2.0
#include "daemon/end_watch.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>

#include "base/signal_descriptor.h"

namespace imakeep::daemon {

using std::chrono::milliseconds;

Result<UniqueFd> EndWatch::take_signals() {
  return signal_descriptor({SIGTERM, SIGINT, SIGHUP});
}

Result<std::unique_ptr<EndWatch>> EndWatch::start(UniqueFd signals, const Activity& activity,
                                                  std::function<void()> say_late, milliseconds limit) {
  UniqueFd told(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  UniqueFd ended(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!told.valid() || !ended.valid()) return fail_errno(errno, "cannot make an eventfd");
  return std::unique_ptr<EndWatch>(
      new EndWatch(std::move(signals), std::move(told), std::move(ended), activity, std::move(say_late), limit));
}

EndWatch::EndWatch(UniqueFd signals, UniqueFd told, UniqueFd ended, const Activity& activity,
                   std::function<void()> say_late, milliseconds limit)
    : signals_(std::move(signals)),
      told_(std::move(told)),
      ended_(std::move(ended)),
      activity_(activity),
      say_late_(std::move(say_late)),
      limit_(limit),
      thread_([this] { watch(); }) {}

EndWatch::~EndWatch() {
  ::eventfd_write(ended_.get(), 1);
  thread_.join();
}

bool EndWatch::ended_within(milliseconds limit) const {
  pollfd ended{.fd = ended_.get(), .events = POLLIN, .revents = 0};
  return ::poll(&ended, 1, static_cast<int>(limit.count())) == 1;
}

void EndWatch::watch() {
  pollfd events[] = {{.fd = signals_.get(), .events = POLLIN, .revents = 0},
                     {.fd = ended_.get(), .events = POLLIN, .revents = 0}};
  while ((events[0].revents & POLLIN) == 0) {
    ::poll(events, std::size(events), -1);
    if ((events[1].revents & POLLIN) != 0) return;
  }
  const auto told_at = std::chrono::steady_clock::now();
  ::eventfd_write(told_.get(), 1);
  // As long as the loop makes progress, it may continue: its last look may find many records.
  while (!ended_within(limit_ / 40)) {
    if (std::chrono::steady_clock::now() - told_at >= limit_ && activity_.without_progress() >= limit_) end_process();
  }
}

void EndWatch::end_process() const {
  // The process that reads our log may hang as well. If say_late_() does not return within a second, SIGALRM ends us.
  ::signal(SIGALRM, [](int) { ::_exit(EndWatch::kExitCode); });
  sigset_t alarm;
  ::sigemptyset(&alarm);
  ::sigaddset(&alarm, SIGALRM);
  ::pthread_sigmask(SIG_UNBLOCK, &alarm, nullptr);
  ::alarm(1);
  say_late_();
  ::_exit(EndWatch::kExitCode);
}

}  // namespace imakeep::daemon
