// SPDX-License-Identifier: Apache-2.0
#include "archive/quote_thinning.h"

#include <algorithm>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace imakeep::archive {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr std::int64_t kHour = 3600;
constexpr std::int64_t kDay = 24 * kHour;
// Midnight, and the begin of a period of 30 days.
constexpr std::int64_t kBegin = 20'010 * kDay;

std::vector<QuoteAge> at(const std::vector<std::int64_t>& times, const std::string& boot = "b") {
  std::vector<QuoteAge> quotes;
  for (const std::int64_t time : times) {
    quotes.push_back({.quote = quotes.size() + 1, .added_unix_s = time, .boot_id = boot});
  }
  return quotes;
}

TEST(QuotesToThin, KeepsEveryOneOfTheLastHour) {
  EXPECT_THAT(quotes_to_thin({}, kBegin), IsEmpty());
  EXPECT_THAT(quotes_to_thin(at({kBegin, kBegin, kBegin + 5, kBegin + kHour}), kBegin + kHour), IsEmpty());
}

TEST(QuotesToThin, KeepsTheLastOfEachQuarterOfAnHourForADay) {
  const auto quotes = at({kBegin, kBegin + 1, kBegin + 899, kBegin + 900, kBegin + 901, kBegin + 20 * kHour});
  EXPECT_THAT(quotes_to_thin(quotes, kBegin + 20 * kHour), ElementsAre(2, 4)) << "the first one is the boot's";
}

TEST(QuotesToThin, KeepsTheLastOfEachHourForAWeek) {
  const auto quotes =
      at({kBegin, kBegin + 900, kBegin + 1800, kBegin + kHour, kBegin + kHour + 1800, kBegin + 3 * kDay});
  EXPECT_THAT(quotes_to_thin(quotes, kBegin + 3 * kDay), ElementsAre(2, 4));
}

TEST(QuotesToThin, KeepsTheLastOfEachDayForAYear) {
  const auto quotes = at({kBegin, kBegin + kHour, kBegin + 2 * kHour, kBegin + kDay, kBegin + 40 * kDay});
  EXPECT_THAT(quotes_to_thin(quotes, kBegin + 40 * kDay), ElementsAre(2));
}

TEST(QuotesToThin, KeepsTheLastOfEach30DaysBeyond) {
  const auto quotes = at({kBegin, kBegin + kDay, kBegin + 29 * kDay, kBegin + 30 * kDay, kBegin + 800 * kDay});
  EXPECT_THAT(quotes_to_thin(quotes, kBegin + 800 * kDay), ElementsAre(2));
}

TEST(QuotesToThin, KeepsTheFirstAfterEachBootAndTheNewest) {
  auto quotes = at({kBegin, kBegin + 1, kBegin + 2, kBegin + 3, kBegin + 4});
  quotes[2].boot_id = quotes[3].boot_id = quotes[4].boot_id = "after kexec";
  EXPECT_THAT(quotes_to_thin(quotes, kBegin + 900 * kDay), ElementsAre(2, 4));
}

TEST(QuotesToThin, KeepsThoseOfAClockThatWasAhead) {
  EXPECT_THAT(quotes_to_thin(at({kBegin + kDay, kBegin + kDay + 1, kBegin}), kBegin), IsEmpty());
  EXPECT_THAT(quotes_to_thin(at({-901, -900, -899, -1, kDay / 2}), kDay / 2), ElementsAre(2, 3)) << "before 1970";
}

// Whatever is thinned at whatever moments, what a single look at the end would keep is still there.
TEST(QuotesToThin, OftenIsAsGoodAsOnce) {
  std::vector<QuoteAge> often;
  std::vector<QuoteAge> all;
  std::int64_t now = kBegin + 17;
  for (std::uint64_t number = 1; number <= 3000; ++number) {
    now += number % 7 == 0 ? 7 * kHour : 400;
    all.push_back({.quote = number, .added_unix_s = now, .boot_id = "b"});
    often.push_back(all.back());
    for (const std::uint64_t gone : quotes_to_thin(often, now)) {
      std::erase_if(often, [gone](const QuoteAge& one) { return one.quote == gone; });
    }
  }
  const auto gone = quotes_to_thin(all, now);
  std::erase_if(all, [&](const QuoteAge& one) { return std::ranges::find(gone, one.quote) != gone.end(); });
  EXPECT_TRUE(std::ranges::equal(often, all, {}, &QuoteAge::quote, &QuoteAge::quote));
  EXPECT_LT(all.size(), 600u);
}

TEST(QuotesToThin, LeavesABoundedNumber) {
  std::vector<QuoteAge> quotes;
  for (std::uint64_t number = 1; number <= 1100; ++number) {
    quotes.push_back({.quote = number, .added_unix_s = kBegin, .boot_id = number == 3 ? "other" : "b"});
  }
  const auto going = quotes_to_thin(quotes, kBegin);
  ASSERT_EQ(going.size(), 1100 - kMostQuotes);
  EXPECT_EQ(going[0], 2u);
  EXPECT_EQ(going[1], 4u) << "the first ones of two boots stay";
  for (QuoteAge& one : quotes) one.boot_id = std::to_string(one.quote);
  EXPECT_EQ(quotes_to_thin(quotes, kBegin).size(), 1100 - kMostQuotes) << "whatever boot ids there are";
}

}  // namespace
}  // namespace imakeep::archive
