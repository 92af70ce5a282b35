// SPDX-License-Identifier: Apache-2.0
#include "keeper/best_match.h"

#include <gmock/gmock.h>

#include "keeper/test_support.h"

namespace imakeep::keeper::best_match_test {
namespace {

using test::range;
using test::ReplayedLetters;
using test::summary_of;
using testing::ElementsAre;

constexpr std::uint32_t kPcr11 = 1u << 11;

TEST(BestMatch, IsTheOneWithTheFewestNewRecordsIfSeveralMatch) {
  // PCR 10 does not tell whether the first record, which names PCR 11, is archived.
  const ReplayedLetters letters({.log = "Ba1bc", .known = "Ba1", .list = "1bc", .archived = 3});
  const auto best = best_match(letters.search, letters.contents, letters.window);
  ASSERT_TRUE(best);
  EXPECT_EQ(best->alignment.known, 1u);
  EXPECT_TRUE(best->several);
  EXPECT_TRUE(best->match.in_flight) << "the caller looks again";
}

TEST(BestMatch, IsTheOneWithTheMostNewRecordsIfAPcrCannotBeRead) {
  const ReplayedLetters letters({.log = "Ba1bc", .known = "Ba1", .list = "1bc", .archived = 3});
  const auto best = best_match(letters.search, letters.contents, letters.window, true);
  ASSERT_TRUE(best);
  EXPECT_EQ(best->alignment.known, 0u);
  EXPECT_TRUE(best->several);
}

TEST(BestMatch, NeedsNoRecordInFlightIfAnotherMatches) {
  // Either three violations are new, or four, of which one is in flight.
  ReplayedLetters letters({.log = "BVVVVV", .known = "BVV", .list = "VVVV", .archived = 3});
  letters.window.settled = false;
  const auto best = best_match(letters.search, letters.contents, letters.window);
  ASSERT_TRUE(best);
  EXPECT_EQ(best->alignment.known, 1u);
  EXPECT_EQ(best->match.until, 4u);
  EXPECT_TRUE(best->several);
  letters.window.settled = true;
  const auto settled = best_match(letters.search, letters.contents, letters.window);
  ASSERT_TRUE(settled);
  EXPECT_EQ(settled->alignment.known, 1u);
  EXPECT_FALSE(settled->several);
  EXPECT_FALSE(settled->match.in_flight);
}

TEST(BestMatch, ThePendingTrimIsNoSecondMatch) {
  const ReplayedLetters letters({.log = "Babc", .known = "Bab", .list = "abc", .pending = 1, .archived = 3});
  const auto best = best_match(letters.search, letters.contents, letters.window);
  ASSERT_TRUE(best);
  EXPECT_EQ(best->alignment.known, 2u);
  EXPECT_FALSE(best->several);
}

TEST(BestMatch, ComparesNoPcrThatIsPassedOver) {
  // The list does not hold record 9, which extended PCR 11.
  const ReplayedLetters letters({.log = "Ba1b9c", .known = "Ba1b", .list = "bc", .archived = 4, .pcrs = {10, 11}});
  EXPECT_FALSE(best_match(letters.search, letters.contents, letters.window));
  const auto best = best_match(letters.search, letters.contents, letters.window, false, kPcr11);
  ASSERT_TRUE(best);
  EXPECT_EQ(best->alignment.known, 1u);
}

TEST(BestMatch, IsAnAlteredListOnlyIfNoOtherMatches) {
  const ReplayedLetters letters({.log = "Babcde", .known = "Babcd", .list = "Bxbcde", .archived = 5});
  const auto best = best_match(letters.search, letters.contents, letters.window);
  ASSERT_TRUE(best);
  EXPECT_FALSE(best->alignment.same);
  EXPECT_EQ(best->alignment.known, 5u);
}

TEST(BestMatch, AlteredViolationsNeedAProvenRecordAfterThem) {
  const ReplayedLetters nothing_after({.log = "V", .known = "V", .list = "U", .archived = 1});
  EXPECT_FALSE(best_match(nothing_after.search, nothing_after.contents, nothing_after.window));
  const ReplayedLetters one_after({.log = "Va", .known = "V", .list = "Ua", .archived = 1});
  const auto best = best_match(one_after.search, one_after.contents, one_after.window);
  ASSERT_TRUE(best);
  EXPECT_FALSE(best->alignment.same);
}

TEST(BestMatch, AListThatLacksAMiddleRecordNeedsThePcrsAtTheArchivesEnd) {
  ReplayedLetters letters({.log = "Babcdef", .known = "Babcdef", .list = "Babdef", .archived = 7});
  const auto best = best_match(letters.search, letters.contents, letters.window);
  ASSERT_TRUE(best);
  EXPECT_THAT(best->alignment.missing, ElementsAre(range(3, 4)));
  letters.window = {.least = 7, .most = 7, .may_be_in_flight = true};
  EXPECT_FALSE(best_match(letters.search, letters.contents, letters.window)) << "only with a record in flight";
}

TEST(BestMatch, WithoutPcrsIsTheFirstThatContentAllows) {
  const ReplayedLetters letters({.log = "Babcd", .known = "Babc", .list = "bcd", .archived = 4, .pcrs = {}});
  const auto best = best_match(letters.search, letters.contents, letters.window);
  ASSERT_TRUE(best);
  EXPECT_EQ(best->alignment.known, 2u);
  EXPECT_EQ(best->match.until, 3u) << "the whole list";
  EXPECT_FALSE(best->several);
}

TEST(ContentDecides, OnAnotherKernelsListOnlyForWhatCameOverAKexec) {
  const RecordSummary known = summary_of("Babc");
  const RecordSummary list = summary_of("bcBd");
  const ListShape shape;
  Contents contents{.known = known, .shape = shape, .end = RecordNumber(4), .list = list};
  const Family end{.kind = Family::Kind::kEnd};
  EXPECT_TRUE(content_decides(contents, end, 0));
  EXPECT_TRUE(content_decides(contents, end, 4));
  contents.other_kernel = true;
  EXPECT_FALSE(content_decides(contents, end, 0)) << "nothing came over";
  EXPECT_TRUE(content_decides(contents, end, 2));
  EXPECT_FALSE(content_decides(contents, end, 3)) << "only two records came over";
}

TEST(ContentDecides, NotOnRecordsThatDiffer) {
  const RecordSummary known = summary_of("Babc");
  const ListShape shape;
  const Contents contents{.known = known, .shape = shape, .end = RecordNumber(4), .list = known};
  for (const auto kind : {Family::Kind::kAltered, Family::Kind::kAlteredViolations, Family::Kind::kLacking}) {
    EXPECT_FALSE(content_decides(contents, {.kind = kind}, 4));
  }
}

}  // namespace
}  // namespace imakeep::keeper::best_match_test
