// SPDX-License-Identifier: Apache-2.0
#include "query/record_times.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/test_archive.h"

namespace imakeep::query {
namespace record_times_test {

using namespace imakeep::test;

using ::testing::ElementsAre;

// Five segments of one record each, archived at these times.
class Times : public ::testing::Test {
 protected:
  Times() {
    chain_ = archive_.begin_chain();
    for (const std::int64_t time : {100, 200, 300, 250, 400}) archive_.append(chain_, {large("b")}, time);
  }
  std::vector<NumberRange> within(std::optional<std::int64_t> since, std::optional<std::int64_t> until) {
    return imalog::test::must(archived_within(archive_.store(), archive_.chain(chain_), since, until));
  }

  TestArchive archive_;
  archive::ChainId chain_;
};

TEST_F(Times, OfARecordAreThoseOfItsSegmentAndTheNext) {
  RecordTimes times(archive_.store());
  for (int round = 0; round < 2; ++round) {
    const auto first = imalog::test::must(times.of(chain_, 0));
    EXPECT_EQ(first.not_before_s, 100);
    EXPECT_EQ(first.not_after_s, 200);
    const auto last = imalog::test::must(times.of(chain_, 4));
    EXPECT_EQ(last.not_before_s, 400);
    EXPECT_EQ(last.not_after_s, std::nullopt);
  }
  EXPECT_EQ(times.of(chain_, 5).error().code, ErrorCode::kMalformed);
}

TEST_F(Times, OfTheLastSegmentAreReadAnewAfterForget) {
  RecordTimes times(archive_.store());
  EXPECT_EQ(imalog::test::must(times.of(chain_, 4)).not_after_s, std::nullopt);
  archive_.append(chain_, {large("b")}, 500);
  times.forget();
  EXPECT_EQ(imalog::test::must(times.of(chain_, 4)).not_after_s, 500);
}

TEST_F(Times, TakeASegmentThatMayHoldTheTime) {
  EXPECT_THAT(within(std::nullopt, std::nullopt), ElementsAre(NumberRange{0, 5}));
  EXPECT_THAT(within(std::nullopt, 99), ElementsAre());
  EXPECT_THAT(within(std::nullopt, 100), ElementsAre(NumberRange{0, 1}));
  EXPECT_THAT(within(150, 160), ElementsAre(NumberRange{0, 1}));
  EXPECT_THAT(within(200, 200), ElementsAre(NumberRange{0, 2}));
  EXPECT_THAT(within(1000, std::nullopt), ElementsAre(NumberRange{4, 5}));
}

// The clock was set back between the third and the fourth segment.
TEST_F(Times, TakeBothBoundsIfTheClockWasSetBack) {
  EXPECT_THAT(within(260, 270), ElementsAre(NumberRange{1, 4}));
  EXPECT_THAT(within(std::nullopt, 240), ElementsAre(NumberRange{0, 2}));
  EXPECT_THAT(within(310, 320), ElementsAre(NumberRange{3, 4}));
}

}  // namespace record_times_test
}  // namespace imakeep::query
