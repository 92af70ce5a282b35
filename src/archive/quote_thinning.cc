// SPDX-License-Identifier: Apache-2.0
#include "archive/quote_thinning.h"

#include <array>
#include <set>

namespace imakeep::archive {
namespace {

constexpr std::int64_t kMinute = 60;
constexpr std::int64_t kHour = 60 * kMinute;
constexpr std::int64_t kDay = 24 * kHour;

// Quotes older than this are kept once a period.
struct Rule {
  std::int64_t older_than_s;
  std::int64_t period_s;
};
constexpr std::array<Rule, 4> kRules{{{.older_than_s = 365 * kDay, .period_s = 30 * kDay},
                                      {.older_than_s = 7 * kDay, .period_s = kDay},
                                      {.older_than_s = kDay, .period_s = kHour},
                                      {.older_than_s = kHour, .period_s = 15 * kMinute}}};

// 0: every quote of that age is kept.
std::int64_t period_of_age(std::int64_t age_s) {
  for (const Rule& rule : kRules) {
    if (age_s > rule.older_than_s) return rule.period_s;
  }
  return 0;
}

std::int64_t floor_divided(std::int64_t value, std::int64_t by) {
  return value / by - (value % by < 0 ? 1 : 0);
}

enum class Use : std::uint8_t { kGoes, kStays, kFirstOfBoot, kNewest };

// The first quote after each boot, and the newest one.
std::vector<Use> protected_ones(std::span<const QuoteAge> quotes) {
  std::vector<Use> uses(quotes.size(), Use::kGoes);
  std::set<std::string_view> boots;
  for (std::size_t i = 0; i < quotes.size(); ++i) {
    if (boots.insert(quotes[i].boot_id).second) uses[i] = Use::kFirstOfBoot;
  }
  if (!uses.empty()) uses.back() = Use::kNewest;
  return uses;
}

}  // namespace

std::vector<std::uint64_t> quotes_to_thin(std::span<const QuoteAge> quotes, std::int64_t now_unix_s) {
  std::vector<Use> uses = protected_ones(quotes);
  std::set<std::pair<std::int64_t, std::int64_t>> taken;  // period and its index
  std::size_t left = 0;
  // From the newest on, since the last one of a period stays.
  for (std::size_t i = quotes.size(); i-- > 0;) {
    const std::int64_t period_s = period_of_age(now_unix_s - quotes[i].added_unix_s);
    const bool last_of_period =
        period_s == 0 || taken.emplace(period_s, floor_divided(quotes[i].added_unix_s, period_s)).second;
    if (uses[i] == Use::kGoes && last_of_period) uses[i] = Use::kStays;
    if (uses[i] != Use::kGoes) ++left;
  }
  for (const Use next : {Use::kStays, Use::kFirstOfBoot}) {
    for (std::size_t i = 0; i < quotes.size() && left > kMostQuotes; ++i) {
      if (uses[i] != next) continue;
      uses[i] = Use::kGoes;
      --left;
    }
  }
  std::vector<std::uint64_t> going;
  for (std::size_t i = 0; i < quotes.size(); ++i) {
    if (uses[i] == Use::kGoes) going.push_back(quotes[i].quote);
  }
  return going;
}

}  // namespace imakeep::archive
