// SPDX-License-Identifier: Apache-2.0
#include "monitor/keeper_stats.h"

#include <gtest/gtest.h>

namespace imakeep::monitor {
namespace keeper_stats_test {

TEST(KeeperStats, AFreshKeeperHasCountedNothing) {
  const KeeperStats stats(1000);
  const KeeperStatus status = stats.status(5);
  EXPECT_EQ(status.started_unix_s, 1000);
  EXPECT_EQ(status.busy, 0U);
  EXPECT_EQ(status.busy_ms, 0);
  EXPECT_EQ(status.trim_overdue_ms, 0);
  EXPECT_EQ(status.holds.times, 0U);
  EXPECT_FALSE(stats.has_looked());
}

TEST(KeeperStats, BusyLastsFromTheFirstTimeUntilATrimEndsWell) {
  KeeperStats stats(1000);
  stats.trim_failed(100, true);
  stats.trim_failed(400, true);
  // A reader of the list does not block the other readers.
  stats.followed();
  EXPECT_EQ(stats.status(1100).busy_ms, 1000);
  EXPECT_EQ(stats.status(1100).busy, 2U);
  EXPECT_EQ(stats.status(1100).failed_trims, 0U);
  stats.trim_ended(2000);
  EXPECT_EQ(stats.status(1200).busy_ms, 0);
  EXPECT_EQ(stats.status(1200).busy, 2U);
}

TEST(KeeperStats, AWriterMakesItBusyUntilItCanBeReadAgain) {
  KeeperStats stats(1000);
  stats.follow_failed(100, true);
  EXPECT_EQ(stats.status(300).busy_ms, 200);
  stats.followed();
  EXPECT_EQ(stats.status(300).busy_ms, 0);
}

TEST(KeeperStats, ATrimThatFailsOtherwiseIsOverdueButNotBusy) {
  KeeperStats stats(1000);
  stats.trim_failed(100, true);
  stats.trim_failed(200, false);
  const KeeperStatus status = stats.status(1100);
  EXPECT_EQ(status.busy_ms, 0);
  EXPECT_EQ(status.trim_overdue_ms, 1000);
  EXPECT_EQ(status.failed_trims, 1U);
  stats.trim_ended(2000);
  EXPECT_EQ(stats.status(1200).trim_overdue_ms, 0);
  EXPECT_EQ(stats.status(1200).trim_ended_unix_s, 2000);
}

TEST(KeeperStats, HoldsAreCountedInEveryBucketThatTakesThem) {
  KeeperStats stats(1000);
  stats.took_out(100, 70);
  stats.took_out(101, 30);
  stats.took_out(20'000'000, 1);
  const HoldsStatus holds = stats.status(0).holds;
  EXPECT_EQ(holds.times, 3U);
  EXPECT_EQ(holds.us, 20'000'201);
  EXPECT_EQ(holds.at_most[0], std::pair(std::int64_t{100}, std::uint64_t{1}));
  EXPECT_EQ(holds.at_most[1], std::pair(std::int64_t{250}, std::uint64_t{2}));
  EXPECT_EQ(holds.at_most.back(), std::pair(std::int64_t{10'000'000}, std::uint64_t{2}));
  EXPECT_EQ(stats.status(0).trimmed_bytes, 101U);
}

}  // namespace keeper_stats_test
}  // namespace imakeep::monitor
