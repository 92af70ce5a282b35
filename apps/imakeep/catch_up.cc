#include "catch_up.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <chrono>

namespace imakeep::app {

CatchUp::CatchUp(std::function<Result<std::uint64_t>()> count, std::int64_t most_wait_ms)
    : count_(std::move(count)), most_wait_ms_(most_wait_ms), event_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}

void CatchUp::wait_for_news() {
  const auto count = count_();
  const MutexLock lock(mutex_);
  // A list that cannot be counted cannot be read either.
  if (ended_ || !count || seen_ == *count) return;
  const std::uint64_t mine = ++asked_;
  const std::uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = ::write(event_.get(), &one, sizeof one);
  const auto until = std::chrono::steady_clock::now() + std::chrono::milliseconds(most_wait_ms_);
  while (!ended_ && answered_ < mine) {
    if (changed_.wait_until(mutex_, until) == std::cv_status::timeout) return;
  }
}

std::uint64_t CatchUp::take() {
  std::uint64_t events = 0;
  [[maybe_unused]] const ssize_t got = ::read(event_.get(), &events, sizeof events);
  const MutexLock lock(mutex_);
  return asked_;
}

void CatchUp::done(std::uint64_t taken) {
  const MutexLock lock(mutex_);
  answered_ = taken;
  changed_.notify_all();
}

void CatchUp::looked(std::optional<std::uint64_t> count) {
  const MutexLock lock(mutex_);
  seen_ = count;
}

void CatchUp::end() {
  const MutexLock lock(mutex_);
  ended_ = true;
  changed_.notify_all();
}

}  // namespace imakeep::app
