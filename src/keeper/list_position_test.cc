// SPDX-License-Identifier: Apache-2.0
#include "keeper/list_position.h"

#include <gmock/gmock.h>

#include "keeper/test_support.h"

namespace imakeep::keeper::list_position_test {
namespace {

using imalog::test::must;
using test::range;
using test::shape_of;
using testing::ElementsAre;

const Alignment kAlignment{.known = 2,
                           .shape = shape_of(3, "4-6"),
                           .gone = 3,
                           .gone_by_kexec = true,
                           .missing = {range(4, 6)},
                           .by_kexec = true};

TEST(ListPosition, HasWhatTheAlignmentAndTheMatchSay) {
  const ListPosition position =
      position_of(kAlignment, {.part = 1, .offset = 7, .records = 2}, 5, {.until = 4, .reach = 3, .in_flight = true});
  EXPECT_FALSE(position.new_chain);
  EXPECT_TRUE(position.in_flight);
  EXPECT_EQ(position.shape, kAlignment.shape);
  EXPECT_EQ(position.gone, 3u);
  EXPECT_TRUE(position.gone_by_kexec);
  EXPECT_EQ(position.records, 5u);
  EXPECT_EQ(position.new_from.offset, 7u);
  EXPECT_EQ(position.matched_until, 4u);
  EXPECT_EQ(position.reach, 3u);
  EXPECT_THAT(position.missing, ElementsAre(range(4, 6)));
  EXPECT_TRUE(position.lost_by_kexec);
  EXPECT_TRUE(position.altered.empty());
}

TEST(ListPosition, IsReadUpToTheFirstNewRecord) {
  test::ObservedLetters seen("abc", "abc");
  const ObservationView view = seen.view();
  must(view.stream.next());
  const ListPosition position = must(read_position(view.stream, kAlignment, 3));
  EXPECT_EQ(position.new_from.records, 2u);
  const auto next = must(view.stream.next());
  ASSERT_TRUE(next);
  EXPECT_EQ(next->content(), test::record_of('c').view()) << "the stream is there";
}

}  // namespace
}  // namespace imakeep::keeper::list_position_test
