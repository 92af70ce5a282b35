// SPDX-License-Identifier: Apache-2.0
// test_clock.h - time that passes only during a sleep. The wall clock may be set.
// Threads: safe from any thread; what `on_sleep` does is its own affair.
#pragma once

#include <atomic>
#include <functional>

#include "base/clock.h"

namespace imakeep::test {

class TestClock : public Clock {
 public:
  std::int64_t unix_s() override { return unix_s_; }
  std::int64_t monotonic_us() override { return ++now_us_; }
  void sleep_ms(std::int64_t ms) override {
    now_us_ += ms * 1000;
    if (on_sleep) on_sleep(ms);
  }
  void set_unix_s(std::int64_t to) { unix_s_ = to; }

  std::function<void(std::int64_t ms)> on_sleep;

 private:
  std::atomic<std::int64_t> unix_s_ = 1'790'000'000;
  std::atomic<std::int64_t> now_us_ = 0;
};

}  // namespace imakeep::test
