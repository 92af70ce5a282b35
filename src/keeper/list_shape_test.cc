// SPDX-License-Identifier: Apache-2.0
#include "keeper/list_shape.h"

#include <algorithm>
#include <array>

#include <gmock/gmock.h>

#include "keeper/test_support.h"

namespace imakeep::keeper::list_shape_test {
namespace {

using test::range;
using test::shape_of;
using testing::ElementsAre;
using testing::IsEmpty;

TEST(ListShape, ReadsTheTextOfItsMissingRanges) {
  EXPECT_THAT(shape_of(4, "5-7,9-12").missing(), ElementsAre(range(5, 7), range(9, 12)));
  EXPECT_THAT(shape_of(4, "").missing(), IsEmpty());
  EXPECT_EQ(shape_of(4, "").head(), RecordNumber(4));
}

TEST(ListShape, WritesTheTextThatItReads) {
  for (const char* const text : {"", "5-6", "5-7,9-12", "5-7,8-18446744073709551615"}) {
    EXPECT_EQ(shape_of(4, text).missing_text(), text);
  }
}

TEST(ListShape, RefusesTextThatIsNoListOfSeparateRangesAfterTheHead) {
  for (const char* const text :
       {"5",        "5-",      "-7",      "5-7,", ",5-7", "5-7 ", " 5-7", "5-7;9-12",
        "5-7-9",    "a-7",     "5-b",     "+5-7", "5--7", "6-6",  "7-5",  "5-18446744073709551616",
        "9-12,5-7", "5-7,6-9", "5-7,7-9", "4-7",  "3-7"}) {
    const auto shape = ListShape::parse(RecordNumber(4), text);
    ASSERT_FALSE(shape) << text;
    EXPECT_EQ(shape.error().code, ErrorCode::kMalformed) << text;
  }
}

TEST(ListShape, CountsAndNumbersTheRecordsBetweenItsMissingRanges) {
  const ListShape shape = shape_of(2, "5-7,9-12");
  const std::array<std::uint64_t, 7> held = {2, 3, 4, 7, 8, 12, 13};
  for (std::uint64_t index = 0; index < held.size(); ++index) {
    EXPECT_EQ(shape.number_at(ListIndex(index)), RecordNumber(held[index])) << index;
  }
  for (std::uint64_t end = 0; end <= 14; ++end) {
    const auto before = std::ranges::count_if(held, [&](std::uint64_t number) { return number < end; });
    EXPECT_EQ(shape.records(RecordNumber(end)), static_cast<std::uint64_t>(before)) << end;
  }
}

TEST(ListShape, HoldsNothingIfItsHeadIsTheChainsEnd) {
  EXPECT_EQ(shape_of(0).records(RecordNumber(0)), 0u);
  EXPECT_EQ(shape_of(7).records(RecordNumber(7)), 0u);
}

TEST(ListShape, AdvancingLeavesTheRecordsAfterThoseDeleted) {
  ListShape shape = shape_of(2, "5-7,9-12");
  shape.advance(0);
  EXPECT_EQ(shape, shape_of(2, "5-7,9-12"));
  shape.advance(2);
  EXPECT_EQ(shape, shape_of(4, "5-7,9-12"));
  // The next record of the list lies after the missing range.
  shape.advance(1);
  EXPECT_EQ(shape, shape_of(7, "9-12"));
  // One deletion reaches beyond a missing range.
  shape.advance(3);
  EXPECT_EQ(shape, shape_of(13));
}

TEST(ListShape, JoinsMissingRangesThatTouchOrOverlap) {
  const auto with = [](std::uint64_t first, std::uint64_t end) {
    ListShape shape = shape_of(2, "5-7,9-12");
    shape.add_missing(range(first, end));
    return std::to_string(shape.head().value()) + ": " + shape.missing_text();
  };
  EXPECT_EQ(with(14, 15), "2: 5-7,9-12,14-15");
  EXPECT_EQ(with(3, 4), "2: 3-4,5-7,9-12");
  EXPECT_EQ(with(12, 13), "2: 5-7,9-13");
  EXPECT_EQ(with(4, 5), "2: 4-7,9-12");
  EXPECT_EQ(with(7, 9), "2: 5-12");
  EXPECT_EQ(with(6, 8), "2: 5-8,9-12");
  EXPECT_EQ(with(10, 11), "2: 5-7,9-12");
  EXPECT_EQ(with(4, 20), "2: 4-20");
  EXPECT_EQ(with(8, 8), "2: 5-7,9-12") << "an empty range";
}

TEST(ListShape, AMissingRangeAtTheHeadMovesTheHead) {
  const auto with = [](std::uint64_t first, std::uint64_t end) {
    ListShape shape = shape_of(2, "5-7,9-12");
    shape.add_missing(range(first, end));
    return shape;
  };
  EXPECT_EQ(with(2, 4), shape_of(4, "5-7,9-12"));
  EXPECT_EQ(with(2, 5), shape_of(7, "9-12")) << "and over the missing range that it touches";
  EXPECT_EQ(with(2, 9), shape_of(12));
}

}  // namespace
}  // namespace imakeep::keeper::list_shape_test
