// base/clock.h - the seam to time. Libraries are given one and never look at the machine's.
// Threads: safe from any thread.
#pragma once

#include <cstdint>

namespace imakeep {

class Clock {
 public:
  virtual ~Clock() = default;

  virtual std::int64_t unix_s() = 0;        // may jump when somebody sets it: for showing only
  virtual std::int64_t monotonic_us() = 0;  // for measuring; never goes back
  virtual void sleep_ms(std::int64_t ms) = 0;
};

// This machine's.
class SystemClock : public Clock {
 public:
  std::int64_t unix_s() override;
  std::int64_t monotonic_us() override;
  void sleep_ms(std::int64_t ms) override;
};

}  // namespace imakeep
