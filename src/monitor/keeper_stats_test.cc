// SPDX-License-Identifier: Apache-2.0
#include "monitor/keeper_stats.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace imakeep::monitor {
namespace keeper_stats_test {

TEST(KeeperStats, AFreshKeeperHasCountedNothing) {
  const KeeperStats stats(1000);
  const auto json = stats.json(5);
  EXPECT_EQ(json["started_unix_s"], 1000);
  EXPECT_EQ(json["busy"], 0);
  EXPECT_EQ(json["busy_ms"], 0);
  EXPECT_EQ(json["trim_overdue_ms"], 0);
  EXPECT_EQ(json["holds"]["times"], 0);
  EXPECT_FALSE(stats.has_looked());
}

TEST(KeeperStats, BusyLastsFromTheFirstTimeUntilATrimEndsWell) {
  KeeperStats stats(1000);
  stats.trim_failed(100, true);
  stats.trim_failed(400, true);
  // A reader of the list does not block the other readers.
  stats.followed();
  EXPECT_EQ(stats.json(1100)["busy_ms"], 1000);
  EXPECT_EQ(stats.json(1100)["busy"], 2);
  EXPECT_EQ(stats.json(1100)["failures"]["trim"], 0);
  stats.trim_ended(2000);
  EXPECT_EQ(stats.json(1200)["busy_ms"], 0);
  EXPECT_EQ(stats.json(1200)["busy"], 2);
}

TEST(KeeperStats, AWriterMakesItBusyUntilItCanBeReadAgain) {
  KeeperStats stats(1000);
  stats.follow_failed(100, true);
  EXPECT_EQ(stats.json(300)["busy_ms"], 200);
  stats.followed();
  EXPECT_EQ(stats.json(300)["busy_ms"], 0);
}

TEST(KeeperStats, ATrimThatFailsOtherwiseIsOverdueButNotBusy) {
  KeeperStats stats(1000);
  stats.trim_failed(100, true);
  stats.trim_failed(200, false);
  const auto json = stats.json(1100);
  EXPECT_EQ(json["busy_ms"], 0);
  EXPECT_EQ(json["trim_overdue_ms"], 1000);
  EXPECT_EQ(json["failures"]["trim"], 1);
  stats.trim_ended(2000);
  EXPECT_EQ(stats.json(1200)["trim_overdue_ms"], 0);
  EXPECT_EQ(stats.json(1200)["trim_ended_unix_s"], 2000);
}

TEST(KeeperStats, HoldsAreCountedInEveryBucketThatTakesThem) {
  KeeperStats stats(1000);
  stats.took_out(100, 70);
  stats.took_out(101, 30);
  stats.took_out(20'000'000, 1);
  const auto holds = stats.json(0)["holds"];
  EXPECT_EQ(holds["times"], 3);
  EXPECT_EQ(holds["us"], 20'000'201);
  EXPECT_EQ(holds["at_most"][0], (nlohmann::json{{"us", 100}, {"times", 1}}));
  EXPECT_EQ(holds["at_most"][1], (nlohmann::json{{"us", 250}, {"times", 2}}));
  EXPECT_EQ(holds["at_most"].back(), (nlohmann::json{{"us", 10'000'000}, {"times", 2}}));
  EXPECT_EQ(stats.json(0)["trimmed_bytes"], 101);
}

}  // namespace keeper_stats_test
}  // namespace imakeep::monitor
