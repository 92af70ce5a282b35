// SPDX-License-Identifier: Apache-2.0
// monitor/keeper_stats.h - counters of a running keeper since its start.
//
// Times whose names end in _ms are times of a monotonic clock. Threads: values.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "monitor/status.h"

namespace imakeep::monitor {

// Measures for how long an operation has failed at every try.
class Streak {
 public:
  void failed(std::int64_t now_ms) {
    if (!since_ms_) since_ms_ = now_ms;
  }
  void ended() { since_ms_.reset(); }
  std::int64_t lasted_ms(std::int64_t now_ms) const { return since_ms_ ? now_ms - *since_ms_ : 0; }

 private:
  std::optional<std::int64_t> since_ms_;
};

// How long the keeper held the list for writing, as a Prometheus histogram.
class HoldHistogram {
 public:
  static constexpr std::array<std::int64_t, 10> kAtMostUs = {100,    250,     1'000,   2'500,     10'000,
                                                             25'000, 100'000, 250'000, 1'000'000, 10'000'000};

  void add(std::int64_t hold_us);

  std::uint64_t times() const { return times_; }
  std::int64_t sum_us() const { return sum_us_; }
  // For each of kAtMostUs: the count of holds that were no longer than that.
  const std::array<std::uint64_t, kAtMostUs.size()>& times_at_most() const { return times_at_most_; }

 private:
  std::uint64_t times_ = 0;
  std::int64_t sum_us_ = 0;
  std::array<std::uint64_t, kAtMostUs.size()> times_at_most_{};
};

class KeeperStats {
 public:
  explicit KeeperStats(std::int64_t now_unix_s) : started_unix_s_(now_unix_s) {}

  // Result of a follow, or of the follow within a trim.
  void followed();
  void follow_failed(std::int64_t now_ms, bool busy);

  // Result of a trim. A trim that deleted nothing, because nothing may be deleted or the list is empty, counts as a
  // success.
  void trim_ended(std::int64_t now_unix_s);
  void trim_failed(std::int64_t now_ms, bool busy);
  // A trim deleted records that took up `bytes` in the binary list.
  void took_out(std::int64_t hold_us, std::uint64_t bytes);

  bool has_looked() const { return has_looked_; }  // whether the keeper has looked at the list at least once

  // The counted members; the other ones are left as they are in a new KeeperStatus.
  KeeperStatus status(std::int64_t now_ms) const;

 private:
  std::int64_t started_unix_s_;
  bool has_looked_ = false;
  std::uint64_t busy_ = 0;
  std::uint64_t failed_follows_ = 0;
  std::uint64_t failed_trims_ = 0;
  Streak busy_follows_;
  Streak busy_trims_;
  Streak overdue_;
  std::int64_t trim_ended_unix_s_ = 0;
  std::uint64_t trimmed_bytes_ = 0;
  HoldHistogram holds_;
};

}  // namespace imakeep::monitor
