// SPDX-License-Identifier: Apache-2.0
#include "keeper/likely_overlap.h"

#include <gmock/gmock.h>

#include "keeper/test_support.h"

namespace imakeep::keeper::likely_overlap_test {
namespace {

using test::range;
using test::summary_of;
using testing::ElementsAre;

LikelyOverlap overlap_of(const std::string& known_letters, const std::string& list_letters, std::size_t staged = 0,
                         bool other_kernel = false) {
  const RecordSummary known = summary_of(known_letters);
  const RecordSummary list = summary_of(list_letters, staged);
  const ListShape shape;
  const Contents contents{.known = known,
                          .shape = shape,
                          .end = RecordNumber(known_letters.size()),
                          .list = list,
                          .other_kernel = other_kernel};
  return likely_overlap(families_of(contents), contents);
}

TEST(LikelyOverlap, IsTheLongestThatReachesTheArchivesEnd) {
  const auto overlap = overlap_of("Babab", "ababx");
  ASSERT_TRUE(overlap.by_content);
  EXPECT_EQ(overlap.by_content->known, 4u);
  EXPECT_EQ(overlap.by_content->gone, 1u);
  EXPECT_FALSE(overlap.by_violations);
}

TEST(LikelyOverlap, IsNoneIfNothingIsEqual) {
  const auto overlap = overlap_of("Babc", "xyz");
  EXPECT_FALSE(overlap.by_content);
  EXPECT_FALSE(overlap.by_violations);
}

TEST(LikelyOverlap, KeepsViolationsApart) {
  const auto overlap = overlap_of("BaVV", "VVx");
  EXPECT_FALSE(overlap.by_content);
  ASSERT_TRUE(overlap.by_violations);
  EXPECT_EQ(overlap.by_violations->known, 2u);
}

TEST(LikelyOverlap, EachPieceOfASplitListHoldsARecordThatIsNoViolation) {
  const auto split = overlap_of("Babcd", "Bade", 2);
  ASSERT_TRUE(split.by_content);
  EXPECT_EQ(split.by_content->known, 3u);
  EXPECT_THAT(split.by_content->missing, ElementsAre(range(2, 4)));
  const auto violation = overlap_of("BabcV", "BaVx", 2);
  ASSERT_TRUE(violation.by_content);
  EXPECT_EQ(violation.by_content->known, 2u) << "the violation after the staged records may be a new one";
  EXPECT_THAT(violation.by_content->missing, ElementsAre(range(2, 5)));
}

TEST(LikelyOverlap, MayLackTheArchivesEndUnderAnotherKernel) {
  EXPECT_FALSE(overlap_of("Babcd", "BabBx").by_content);
  const auto cut = overlap_of("Babcd", "BabBx", 0, true);
  ASSERT_TRUE(cut.by_content);
  EXPECT_TRUE(cut.by_content->by_kexec);
  EXPECT_EQ(cut.by_content->known, 3u);
}

TEST(LikelyOverlap, IsNotAnAlteredList) {
  EXPECT_FALSE(overlap_of("Babcd", "Bxbce").by_content);
}

}  // namespace
}  // namespace imakeep::keeper::likely_overlap_test
