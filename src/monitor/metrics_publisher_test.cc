// SPDX-License-Identifier: Apache-2.0
#include "monitor/metrics_publisher.h"

#include <filesystem>
#include <limits>

#include <gtest/gtest.h>

#include "base/file.h"
#include "support/scratch_directory.h"

namespace imakeep::monitor {
namespace metrics_publisher_test {

TEST(MetricsPublisher, WithoutAWayOutNothingIsEverDue) {
  MetricsPublisher publisher("", nullptr);
  publisher.changed();
  EXPECT_EQ(publisher.due_ms(), std::numeric_limits<std::int64_t>::max());
}

TEST(MetricsPublisher, IsDueAtOnceThenEveryFifteenSecondsAndAtOnceAfterAChange) {
  MetricsSnapshot snapshot;
  MetricsPublisher publisher("", &snapshot);
  EXPECT_EQ(publisher.due_ms(), 0);
  ASSERT_TRUE(publisher.publish("a 1\n", 1000));
  EXPECT_EQ(publisher.due_ms(), 16'000);
  publisher.changed();
  EXPECT_EQ(publisher.due_ms(), 0);
  ASSERT_TRUE(publisher.publish("a 2\n", 2000));
  EXPECT_EQ(publisher.due_ms(), 17'000);
  EXPECT_EQ(*snapshot.get(), "a 2\n");
}

TEST(MetricsPublisher, AFileThatFailsIsTriedAgainAndKeepsNothingFromTheSnapshot) {
  const imakeep::test::ScratchDirectory directory;
  MetricsSnapshot snapshot;
  MetricsPublisher publisher(directory.file("later/x.prom"), &snapshot);
  EXPECT_FALSE(publisher.publish("a 1\n", 1000));
  EXPECT_EQ(*snapshot.get(), "a 1\n");
  EXPECT_EQ(publisher.due_ms(), 16'000);
  std::filesystem::create_directory(directory.file("later"));
  EXPECT_TRUE(publisher.publish("a 2\n", 16'000));
  EXPECT_EQ(as_text(read_file(directory.file("later/x.prom")).value()), "a 2\n");
  publisher.end();
  EXPECT_FALSE(std::filesystem::exists(directory.file("later/x.prom")));
}

TEST(MetricsPublisher, AFailureLeavesTheLastMetricsAndIsNotRetriedAtOnce) {
  MetricsSnapshot snapshot;
  MetricsPublisher publisher("", &snapshot);
  ASSERT_TRUE(publisher.publish("a 1\n", 1000));
  publisher.changed();
  EXPECT_FALSE(publisher.publish(fail(ErrorCode::kIo, "archive"), 2000));
  EXPECT_EQ(*snapshot.get(), "a 1\n");
  EXPECT_EQ(publisher.due_ms(), 17'000);
}

}  // namespace metrics_publisher_test
}  // namespace imakeep::monitor
