// SPDX-License-Identifier: Apache-2.0
#include "keeper/matching_pcrs.h"

#include <gtest/gtest.h>

#include "keeper/test_support.h"

namespace imakeep::keeper::matching_pcrs_test {
namespace {

using test::LettersCase;
using test::ReplayedLetters;
using test::summary_of;

constexpr std::uint32_t kPcr10 = 1u << 10;
constexpr std::uint32_t kPcr11 = 1u << 11;

std::optional<Alignment> matching(const LettersCase& of) {
  const ReplayedLetters letters(of);
  return by_matching_pcrs(letters.search, letters.contents, letters.window, letters.end_pcrs);
}

// Record 9 extended PCR 11, and no list holds it.
const LettersCase kPcr11Parted{.log = "Ba1b9c", .known = "Ba1b", .list = "bc", .archived = 4, .pcrs = {10, 11}};

TEST(PartedPcrs, AreThoseThatNoAlignmentMatches) {
  const ReplayedLetters parted(kPcr11Parted);
  EXPECT_EQ(parted_pcrs(parted.search, 2, parted.window), kPcr11);
  LettersCase of = kPcr11Parted;
  of.log = "Ba1bc";
  const ReplayedLetters none(of);
  EXPECT_EQ(parted_pcrs(none.search, 2, none.window), 0u);
  of.log = "Ba1bx9c";
  const ReplayedLetters both(of);
  EXPECT_EQ(parted_pcrs(both.search, 2, both.window), kPcr10 | kPcr11);
}

TEST(ByMatchingPcrs, FindsTheOnlyAlignmentThatTheOtherPcrsMatch) {
  const auto alignment = matching(kPcr11Parted);
  ASSERT_TRUE(alignment);
  EXPECT_EQ(alignment->known, 1u);
  EXPECT_EQ(alignment->gone, 3u);
}

TEST(ByMatchingPcrs, IsEmptyIfEveryPcrMatches) {
  LettersCase of = kPcr11Parted;
  of.log = "Ba1bc";
  EXPECT_FALSE(matching(of));
}

TEST(ByMatchingPcrs, IsEmptyIfTheOtherPcrsMatchSeveralAlignments) {
  // PCR 10 does not tell whether record 1 is archived.
  EXPECT_FALSE(matching({.log = "Ba1b9", .known = "Ba1", .list = "1b", .archived = 3, .pcrs = {10, 11}}));
}

TEST(ByMatchingPcrs, NeedsAPcrThatRecordsOfTheChainName) {
  // Nothing extended PCR 11, so it matches every list, also that of another machine.
  EXPECT_FALSE(matching({.log = "Babxyc", .known = "Bab", .list = "yc", .archived = 3, .pcrs = {10, 11}}));
}

TEST(ByMatchingPcrs, IsEmptyIfOnlyViolationsTellTheAlignmentFromAnother) {
  // A violation was lost, and PCR 10 alone seems to say that both violations of the list are new.
  EXPECT_FALSE(matching({.log = "B1VVVV9", .known = "B1VV", .list = "VV", .archived = 4, .pcrs = {10, 11}}));
  const auto alignment = matching({.log = "B1VaaV9", .known = "B1Va", .list = "aV", .archived = 4, .pcrs = {10, 11}});
  ASSERT_TRUE(alignment) << "record a tells them apart";
  EXPECT_EQ(alignment->known, 0u);
}

TEST(ToldApart, OnlyByARecordOfThesePcrsThatIsNoViolation) {
  const std::vector<Family> families{{.kind = Family::Kind::kEnd, .first = 2}, {.kind = Family::Kind::kNone}};
  EXPECT_TRUE(told_apart(families, summary_of("Vab"), 0, kPcr10));
  EXPECT_FALSE(told_apart(families, summary_of("VVb"), 0, kPcr10)) << "b is new in both";
  EXPECT_FALSE(told_apart(families, summary_of("V1b"), 0, kPcr10));
  EXPECT_TRUE(told_apart(families, summary_of("V1b"), 0, kPcr11));
}

TEST(ToldApart, FromAlignmentsWithMoreNewRecordsAlways) {
  const std::vector<Family> families{{.kind = Family::Kind::kEnd, .first = 2}, {.kind = Family::Kind::kNone}};
  EXPECT_TRUE(told_apart(families, summary_of("VVb"), 2, kPcr10));
  const std::vector<Family> altered{{.kind = Family::Kind::kAltered, .first = 2}, {.kind = Family::Kind::kNone}};
  EXPECT_TRUE(told_apart(altered, summary_of("VVb"), 0, kPcr10)) << "an altered list is not one of them";
}

}  // namespace
}  // namespace imakeep::keeper::matching_pcrs_test
