// SPDX-License-Identifier: Apache-2.0
#include "keeper/set_back.h"

#include <gtest/gtest.h>

#include "keeper/test_support.h"

namespace imakeep::keeper::set_back_test {
namespace {

using imalog::test::bank;
using imalog::test::must;
using test::ArchivedLetters;

// The search in the chain `archived`, from record `from` on, for a machine that measured `log` and shows `list`.
SetBackSearch searched(ArchivedLetters& archived, const std::string& log, const std::string& list,
                       std::uint64_t from = 0) {
  test::FixedList source(test::list_of(list, bank("sha256")), bank("sha256"));
  ListStream stream(source, {ListPart::kCurrent});
  const Window window{.least = list.size(), .most = list.size(), .may_be_in_flight = true, .settled = true};
  return must(find_set_back(archived.store, archived.chain(), RecordNumber(from),
                            test::state_after(archived.letters.substr(0, from)), stream, test::summary_of(list),
                            test::values_of(test::state_after(log), {10}), window));
}

TEST(SetBack, IsFoundWhereThePcrsMatchTheArchive) {
  ArchivedLetters archived("Babcd");
  const auto search = searched(archived, "Bab", "Bab");
  ASSERT_TRUE(search.found);
  EXPECT_EQ(search.found->at, RecordNumber(3));
  EXPECT_EQ(search.found->went_on, 0u);
  EXPECT_EQ(searched(archived, "", "").found->at, RecordNumber(0)) << "before the first record";
}

TEST(SetBack, IsNotFoundAtTheArchivesEnd) {
  ArchivedLetters archived("Babcd");
  EXPECT_FALSE(searched(archived, "Babcd", "Babcd").found);
}

TEST(SetBack, IsFoundWhereTheListWentOnWithOtherRecords) {
  ArchivedLetters archived("Babcd");
  const auto search = searched(archived, "Babxy", "Babxy");
  ASSERT_TRUE(search.found);
  EXPECT_EQ(search.found->at, RecordNumber(3));
  EXPECT_EQ(search.found->went_on, 2u);
}

TEST(SetBack, IsFoundInAListThatWasTrimmed) {
  ArchivedLetters archived("Babcd");
  const auto search = searched(archived, "Babxy", "bxy");
  ASSERT_TRUE(search.found);
  EXPECT_EQ(search.found->at, RecordNumber(3));
  EXPECT_EQ(search.found->went_on, 2u);
}

TEST(SetBack, IsFoundAfterAnEqualRun) {
  // The list goes on after the second of five equal records.
  ArchivedLetters archived("Baaaaa");
  const auto search = searched(archived, "Baax", "aax");
  ASSERT_TRUE(search.found);
  EXPECT_EQ(search.found->at, RecordNumber(3));
  EXPECT_EQ(search.found->went_on, 1u);
}

TEST(SetBack, ALostViolationIsNone) {
  ArchivedLetters archived("BaVb");
  EXPECT_FALSE(searched(archived, "BaUVb", "BaUVb").found) << "the list holds all that is archived, and one violation";
  EXPECT_TRUE(searched(archived, "BaxVb", "BaxVb").found) << "x is no violation";
}

TEST(SetBack, BeginsAtTheRecordFromWhichTheStateIsKnown) {
  ArchivedLetters archived("Babcd");
  EXPECT_EQ(searched(archived, "Bab", "Bab", 2).found->at, RecordNumber(3));
  EXPECT_FALSE(searched(archived, "B", "B", 2).found) << "before the first record that is replayed";
}

TEST(SetBack, IsNotFoundIfALaterRecordIsDamaged) {
  ArchivedLetters archived("Bab", "cd");
  EXPECT_TRUE(searched(archived, "Bab", "Bab").found);
  archived.flip_bit_of_segment(3);
  EXPECT_FALSE(searched(archived, "Bab", "Bab").found);
}

}  // namespace
}  // namespace imakeep::keeper::set_back_test
