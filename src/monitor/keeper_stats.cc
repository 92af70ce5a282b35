// SPDX-License-Identifier: Apache-2.0
#include "monitor/keeper_stats.h"

#include <algorithm>

#include <nlohmann/json.hpp>

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

nlohmann::json KeeperStats::json(std::int64_t now_ms) const {
  nlohmann::json at_most = nlohmann::json::array();
  for (std::size_t i = 0; i < HoldHistogram::kAtMostUs.size(); ++i) {
    at_most.push_back({{"us", HoldHistogram::kAtMostUs[i]}, {"times", holds_.times_at_most()[i]}});
  }
  return {{"started_unix_s", started_unix_s_},
          {"busy", busy_},
          {"busy_ms", std::max(busy_follows_.lasted_ms(now_ms), busy_trims_.lasted_ms(now_ms))},
          {"failures", {{"follow", failed_follows_}, {"trim", failed_trims_}}},
          {"trim_ended_unix_s", trim_ended_unix_s_},
          {"trim_overdue_ms", overdue_.lasted_ms(now_ms)},
          {"trimmed_bytes", trimmed_bytes_},
          {"holds", {{"times", holds_.times()}, {"us", holds_.sum_us()}, {"at_most", at_most}}}};
}

}  // namespace imakeep::monitor
