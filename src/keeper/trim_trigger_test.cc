// SPDX-License-Identifier: Apache-2.0
#include "keeper/trim_trigger.h"

#include <vector>

#include <gtest/gtest.h>

namespace imakeep::keeper {
namespace trim_trigger_test {

constexpr std::int64_t kStartMs = 1'000'000;

TrimTrigger trigger(const TrimLimits& limits, bool may_trim = true) {
  return {limits, may_trim, kStartMs};
}

// One that has followed a list of `records`, and is at rest.
TrimTrigger at_rest(const TrimLimits& limits, std::uint64_t records = 0) {
  TrimTrigger made = trigger(limits);
  made.count_is(records);
  made.followed(kStartMs, Outcome::kDone);
  made.list_is(records, records * 100);
  return made;
}

TEST(TrimTrigger, FollowsAtOnceAndThenWhenTheCountChangedOrTenTimesAsSeldom) {
  TrimTrigger made = trigger({});
  EXPECT_EQ(made.next(kStartMs), Next::kFollow);
  made.count_is(5);
  made.followed(kStartMs, Outcome::kDone);
  made.count_is(5);
  EXPECT_EQ(made.next(kStartMs + 9'999), Next::kWait);
  EXPECT_EQ(made.next(kStartMs + 10'000), Next::kFollow);
  made.count_is(6);
  EXPECT_EQ(made.next(kStartMs + 999), Next::kWait);
  EXPECT_EQ(made.next(kStartMs + 1000), Next::kFollow);
}

TEST(TrimTrigger, FollowsAgainIfTheListWasNotSettled) {
  TrimTrigger made = trigger({});
  made.followed(kStartMs, Outcome::kDone, true);
  EXPECT_EQ(made.next(kStartMs + 999), Next::kWait);
  EXPECT_EQ(made.next(kStartMs + 1000), Next::kFollow);
}

TEST(TrimTrigger, WakesToLookAtTheListAndForWhatIsDueBefore) {
  EXPECT_EQ(at_rest({}).wake_at_ms(kStartMs), kStartMs + 1000);
  EXPECT_EQ(at_rest({.every_ms = 400}).wake_at_ms(kStartMs), kStartMs + 400);
  EXPECT_EQ(at_rest({.every_ms = 400}).wake_at_ms(kStartMs + 5000), kStartMs + 5000);
  EXPECT_EQ(at_rest({.follow_every_ms = 50}).wake_at_ms(kStartMs), kStartMs + 50);
}

TEST(TrimTrigger, WithoutLimitsNothingIsTrimmed) {
  TrimTrigger made = at_rest({}, 1'000'000'000);
  EXPECT_NE(made.next(kStartMs + 1'000'000'000), Next::kTrim);
}

TEST(TrimTrigger, AnIntervalBeginsWithTheLastTrim) {
  TrimTrigger made = at_rest({.every_ms = 60'000});
  EXPECT_EQ(made.next(kStartMs + 59'999), Next::kFollow);
  EXPECT_EQ(made.next(kStartMs + 60'000), Next::kTrim);
  made.trimmed(kStartMs + 61'000, Outcome::kNothing);
  EXPECT_NE(made.next(kStartMs + 120'999), Next::kTrim);
  EXPECT_EQ(made.next(kStartMs + 121'000), Next::kTrim);
}

TEST(TrimTrigger, RecordsAreALimitByTheCountOrWithWhatIsStaged) {
  TrimTrigger made = at_rest({.records = 100}, 99);
  EXPECT_EQ(made.next(kStartMs), Next::kWait);
  made.count_is(100);
  EXPECT_EQ(made.next(kStartMs), Next::kTrim);
  made.count_is(1);
  made.list_is(100, 0);
  EXPECT_EQ(made.next(kStartMs), Next::kTrim);
}

TEST(TrimTrigger, TheCountFromBeforeATrimIsForgotten) {
  TrimTrigger made = at_rest({.records = 100}, 100);
  ASSERT_EQ(made.next(kStartMs), Next::kTrim);
  made.list_is(1, 100);
  made.trimmed(kStartMs, Outcome::kDone);
  EXPECT_EQ(made.next(kStartMs), Next::kWait);
}

TEST(TrimTrigger, BytesAreALimit) {
  TrimTrigger made = at_rest({.bytes = 1000}, 9);
  EXPECT_EQ(made.next(kStartMs), Next::kWait);
  made.list_is(10, 1000);
  EXPECT_EQ(made.next(kStartMs), Next::kTrim);
}

TEST(TrimTrigger, ShortMemoryTrimsOnce) {
  TrimTrigger made = at_rest({});
  made.memory_is_short();
  EXPECT_EQ(made.next(kStartMs), Next::kTrim);
  made.trimmed(kStartMs, Outcome::kDone);
  made.list_is(1, 100);
  EXPECT_EQ(made.next(kStartMs + 100'000), Next::kWait);
}

TEST(TrimTrigger, ATrimThatDeletedNothingIsNotRepeatedAtOnceByALimit) {
  TrimTrigger made = at_rest({.records = 1}, 1);
  std::int64_t now_ms = kStartMs;
  for (const std::int64_t wait_ms : {1000, 2000, 4000, 8000, 16'000, 32'000, 60'000, 60'000}) {
    ASSERT_EQ(made.next(now_ms), Next::kTrim);
    made.trimmed(now_ms, Outcome::kNothing);
    made.count_is(1);
    EXPECT_NE(made.next(now_ms + wait_ms - 1), Next::kTrim);
    now_ms += wait_ms;
  }
}

TEST(TrimTrigger, BusyIsTriedAgainFrom100MsUpToAMinute) {
  TrimTrigger made = at_rest({.every_ms = 1000});
  std::int64_t now_ms = kStartMs + 1000;
  std::uint32_t tries = 0;
  for (const std::int64_t wait_ms :
       {100, 200, 400, 800, 1600, 3200, 6400, 12'800, 25'600, 51'200, 60'000, 60'000, 60'000}) {
    ASSERT_EQ(made.next(now_ms), Next::kTrim) << wait_ms;
    made.trimmed(now_ms, Outcome::kBusy);
    EXPECT_EQ(made.busy_trims(), ++tries);
    EXPECT_NE(made.next(now_ms + wait_ms - 1), Next::kTrim) << wait_ms;
    now_ms += wait_ms;
  }
  made.trimmed(now_ms, Outcome::kDone);
  EXPECT_EQ(made.busy_trims(), 0u);
}

TEST(TrimTrigger, OtherFailuresDoubleUpToTenMinutes) {
  TrimTrigger made = at_rest({.every_ms = 1000});
  std::int64_t now_ms = kStartMs + 1000;
  for (std::int64_t wait_ms = 1000; wait_ms < 2'000'000; wait_ms *= 2) {
    ASSERT_EQ(made.next(now_ms), Next::kTrim) << wait_ms;
    made.trimmed(now_ms, Outcome::kFailed);
    const std::int64_t expected_ms = std::min<std::int64_t>(wait_ms, 600'000);
    EXPECT_NE(made.next(now_ms + expected_ms - 1), Next::kTrim) << wait_ms;
    now_ms += expected_ms;
  }
}

TEST(TrimTrigger, ATrimThatSucceedsForgetsTheFailuresBefore) {
  TrimTrigger made = at_rest({.every_ms = 1000});
  for (int failures = 0; failures < 5; ++failures) made.trimmed(kStartMs, Outcome::kFailed);
  made.trimmed(kStartMs, Outcome::kDone);
  made.trimmed(kStartMs + 1000, Outcome::kFailed);
  EXPECT_EQ(made.next(kStartMs + 2000), Next::kTrim);
}

TEST(TrimTrigger, ARequestDoesNotWait) {
  TrimTrigger made = at_rest({});
  made.asked();
  EXPECT_EQ(made.next(kStartMs), Next::kTrim);
  made.trimmed(kStartMs, Outcome::kBusy);
  EXPECT_EQ(made.next(kStartMs + 1), Next::kWait);
  made.asked();
  EXPECT_EQ(made.next(kStartMs + 1), Next::kTrim);
}

TEST(TrimTrigger, ATrimThatIsBusyDoesNotKeepFromFollowing) {
  TrimTrigger made = at_rest({.every_ms = 1000});
  made.trimmed(kStartMs + 1000, Outcome::kBusy);
  made.count_is(7);
  EXPECT_EQ(made.next(kStartMs + 1050), Next::kFollow);
}

TEST(TrimTrigger, FollowsThatFailBackOffToo) {
  TrimTrigger made = trigger({});
  made.followed(kStartMs, Outcome::kBusy);
  EXPECT_EQ(made.next(kStartMs + 99), Next::kWait);
  EXPECT_EQ(made.next(kStartMs + 100), Next::kFollow);
  made.followed(kStartMs + 100, Outcome::kFailed);
  EXPECT_EQ(made.next(kStartMs + 1099), Next::kWait);
  EXPECT_EQ(made.next(kStartMs + 1100), Next::kFollow);
  made.followed(kStartMs + 1100, Outcome::kDone);
  EXPECT_EQ(made.next(kStartMs + 1'000'000), Next::kWait);
}

// How long it waits after each failure, from `now_ms` on.
std::vector<std::int64_t> waits(TrimTrigger& made, Outcome outcome, std::int64_t now_ms, int failures) {
  std::vector<std::int64_t> waits;
  for (int i = 0; i < failures; ++i) {
    made.followed(now_ms, outcome);
    std::int64_t wait_ms = 0;
    while (made.next(now_ms + wait_ms) == Next::kWait) wait_ms += 100;
    waits.push_back(wait_ms);
    now_ms += wait_ms;
  }
  return waits;
}

TEST(TrimTrigger, TheFirstLookIsTriedAgainSoonForReadersWaitForTheView) {
  using Waits = std::vector<std::int64_t>;
  TrimTrigger busy = trigger({});
  EXPECT_EQ(waits(busy, Outcome::kBusy, kStartMs, 7), (Waits{100, 200, 400, 800, 1000, 1000, 1000}));
  TrimTrigger failed = trigger({});
  EXPECT_EQ(waits(failed, Outcome::kFailed, kStartMs, 6), (Waits{1000, 2000, 4000, 8000, 10'000, 10'000}));
  TrimTrigger later = trigger({});
  later.followed(kStartMs, Outcome::kDone);
  EXPECT_EQ(waits(later, Outcome::kBusy, kStartMs, 6), (Waits{100, 200, 400, 800, 1600, 3200}));
  later.followed(kStartMs, Outcome::kDone);
  EXPECT_EQ(waits(later, Outcome::kFailed, kStartMs, 6), (Waits{1000, 2000, 4000, 8000, 16'000, 32'000}));
}

TEST(TrimTrigger, WhereNothingMayBeTrimmedNothingIs) {
  TrimTrigger made = trigger({.every_ms = 1, .records = 1}, false);
  made.followed(kStartMs, Outcome::kDone);
  made.count_is(1000);
  made.asked();
  made.memory_is_short();
  EXPECT_EQ(made.next(kStartMs + 1000), Next::kFollow);
}

}  // namespace trim_trigger_test
}  // namespace imakeep::keeper
