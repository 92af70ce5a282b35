// SPDX-License-Identifier: Apache-2.0
#include "monitor/keeper_stats.h"

#include <algorithm>

namespace imakeep::monitor {

void HoldHistogram::add(std::int64_t hold_us) {
  ++times_;
  sum_us_ += hold_us;
  for (std::size_t i = 0; i < kAtMostUs.size(); ++i)
    if (hold_us <= kAtMostUs[i]) ++times_at_most_[i];
}

void KeeperStats::followed() {
  has_looked_ = true;
  busy_follows_.ended();
}

void KeeperStats::follow_failed(std::int64_t now_ms, bool busy) {
  if (busy) {
    ++busy_;
    busy_follows_.failed(now_ms);
  } else {
    ++failed_follows_;
    busy_follows_.ended();
  }
}

void KeeperStats::trim_ended(std::int64_t now_unix_s) {
  followed();
  busy_trims_.ended();
  overdue_.ended();
  trim_ended_unix_s_ = now_unix_s;
}

void KeeperStats::trim_failed(std::int64_t now_ms, bool busy) {
  overdue_.failed(now_ms);
  if (busy) {
    ++busy_;
    busy_trims_.failed(now_ms);
  } else {
    ++failed_trims_;
    busy_trims_.ended();
  }
}

void KeeperStats::took_out(std::int64_t hold_us, std::uint64_t bytes) {
  holds_.add(hold_us);
  trimmed_bytes_ += bytes;
}

KeeperStatus KeeperStats::status(std::int64_t now_ms) const {
  KeeperStatus status;
  status.started_unix_s = started_unix_s_;
  status.busy = busy_;
  status.busy_ms = std::max(busy_follows_.lasted_ms(now_ms), busy_trims_.lasted_ms(now_ms));
  status.failed_follows = failed_follows_;
  status.failed_trims = failed_trims_;
  status.trim_ended_unix_s = trim_ended_unix_s_;
  status.trim_overdue_ms = overdue_.lasted_ms(now_ms);
  status.trimmed_bytes = trimmed_bytes_;
  status.holds = {.times = holds_.times(), .us = holds_.sum_us(), .at_most = {}};
  for (std::size_t i = 0; i < HoldHistogram::kAtMostUs.size(); ++i) {
    status.holds.at_most.emplace_back(HoldHistogram::kAtMostUs[i], holds_.times_at_most()[i]);
  }
  return status;
}

}  // namespace imakeep::monitor
