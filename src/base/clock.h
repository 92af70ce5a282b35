// SPDX-License-Identifier: Apache-2.0
// base/clock.h - interface to time. Libraries receive a Clock and never read the machine's clock.
// Threads: safe from any thread.
#pragma once

#include <cstdint>

namespace imakeep {

class Clock {
 public:
  virtual ~Clock() = default;

  virtual std::int64_t unix_s() = 0;        // may jump when somebody sets the clock; use for display only
  virtual std::int64_t monotonic_us() = 0;  // for measuring; never goes backward
  virtual void sleep_ms(std::int64_t ms) = 0;
};

// The clock of this machine.
class SystemClock : public Clock {
 public:
  std::int64_t unix_s() override;
  std::int64_t monotonic_us() override;
  void sleep_ms(std::int64_t ms) override;
};

}  // namespace imakeep
