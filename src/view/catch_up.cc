// SPDX-License-Identifier: Apache-2.0
#include "view/catch_up.h"

#include <sys/eventfd.h>

namespace imakeep::view {

CatchUp::CatchUp(std::int64_t most_wait_ms)
    : most_wait_(most_wait_ms),
      event_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      timer_([this] { watch_the_time(); }) {}

CatchUp::~CatchUp() {
  end();
  timer_.join();
}

void CatchUp::wait(GoOn go_on) {
  {
    const MutexLock lock(mutex_);
    if (!ended_) {
      const Time until = std::chrono::steady_clock::now() + most_wait_;
      waiting_.push_back({.number = ++asked_, .until = until, .go_on = std::move(go_on)});
      // The timer sleeps until the first reader's limit. Wake it if this reader is the first.
      if (waiting_.size() == 1) changed_.notify_all();
      ::eventfd_write(event_.get(), 1);
      return;
    }
  }
  go_on();
}

std::uint64_t CatchUp::take() {
  eventfd_t ignored = 0;
  ::eventfd_read(event_.get(), &ignored);
  const MutexLock lock(mutex_);
  return asked_;
}

void CatchUp::done(std::uint64_t taken) {
  std::vector<GoOn> ready;
  {
    const MutexLock lock(mutex_);
    answered_ = taken;
    ready = take_ready(std::chrono::steady_clock::now());
  }
  for (const GoOn& go_on : ready) go_on();
}

void CatchUp::end() {
  const MutexLock lock(mutex_);
  ended_ = true;
  changed_.notify_all();
}

std::vector<CatchUp::GoOn> CatchUp::take_ready(Time now) {
  std::vector<GoOn> ready;
  while (!waiting_.empty() && (ended_ || waiting_.front().number <= answered_ || waiting_.front().until <= now)) {
    ready.push_back(std::move(waiting_.front().go_on));
    waiting_.pop_front();
  }
  return ready;
}

void CatchUp::watch_the_time() {
  for (;;) {
    std::vector<GoOn> ready;
    bool ended = false;
    {
      const MutexLock lock(mutex_);
      if (!ended_ && waiting_.empty()) {
        changed_.wait(mutex_);
      } else if (!ended_) {
        const Time until = waiting_.front().until;  // a copy, because done() may remove the first reader meanwhile
        changed_.wait_until(mutex_, until);
      }
      ready = take_ready(std::chrono::steady_clock::now());
      ended = ended_;
    }
    for (const GoOn& go_on : ready) go_on();
    if (ended) return;
  }
}

}  // namespace imakeep::view
