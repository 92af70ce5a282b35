// SPDX-License-Identifier: Apache-2.0
#include "keeper/explain.h"

#include <gmock/gmock.h>

#include "keeper/test_support.h"

namespace imakeep::keeper::explain_test {
namespace {

using imalog::test::bank;
using imalog::test::must;
using test::ArchivedLetters;
using test::list_of;
using test::state_after;
using testing::HasSubstr;

// The list of `letters`, in which each record at one of the indexes reads otherwise than it was measured.
Bytes altered_list(const std::string& letters, const std::vector<std::size_t>& indexes) {
  Bytes list;
  for (std::size_t i = 0; i < letters.size(); ++i) {
    const auto measured = test::record_of(letters[i]);
    const auto shown = std::ranges::find(indexes, i) == indexes.end() ? measured : test::record_of('z');
    imalog::encode_record(list, shown.view(), imalog::shown_digest(bank("sha256"), measured.view()).view(),
                          ByteOrder::kLittle);
  }
  return list;
}

// The finding for the records after `before`, if the machine measured `before` and then `measured`.
Finding explained(const Bytes& list, const std::string& measured, const std::string& before = "",
                  const std::vector<std::uint32_t>& pcrs = {10}) {
  test::FixedList source(list, bank("sha256"));
  ListStream stream(source, {ListPart::kCurrent});
  return must(explain(nullptr, stream, bank("sha256"), state_after(before), RecordNumber(before.size()),
                      test::values_of(state_after(before + measured), pcrs)));
}
Finding explained(const std::string& list, const std::string& measured, const std::string& before = "",
                  const std::vector<std::uint32_t>& pcrs = {10}) {
  return explained(list_of(list, bank("sha256")), measured, before, pcrs);
}

void expect_failed(const Finding& found, std::uint64_t first, std::uint64_t records) {
  EXPECT_EQ(found.diagnosis, Diagnosis::kFailedExtend);
  EXPECT_EQ(found.first, first);
  EXPECT_EQ(found.records, records);
}

void expect_unexplained(const Finding& found, std::uint64_t first, std::uint64_t records) {
  EXPECT_EQ(found.diagnosis, Diagnosis::kUnexplainedExtend);
  EXPECT_EQ(found.first, first);
  EXPECT_EQ(found.records, records);
}

TEST(Explain, NamesTheFirstAlteredRecordAndCountsThem) {
  const Finding found = explained(altered_list("abcd", {1, 3}), "abcd", "Bxy");
  EXPECT_EQ(found.diagnosis, Diagnosis::kAlteredRecord);
  EXPECT_EQ(found.first, 4u);
  EXPECT_EQ(found.records, 2u);
  EXPECT_THAT(found.what, HasSubstr("record 4 "));
}

TEST(Explain, AnAlteredRecordIsTheCauseOnlyIfTheDigestsMatchThePcrs) {
  expect_unexplained(explained(altered_list("Babc", {1}), "Babcx"), 0, 4);
}

TEST(Explain, NamesTheLastRecordsIfThePcrMatchesBeforeThem) {
  const Finding one = explained("abc", "ab", "B");
  expect_failed(one, 3, 1);
  EXPECT_THAT(one.what, HasSubstr("record 3 is in the list but was never extended into PCR 10"));
  expect_failed(explained("abcd", "ab", "B"), 3, 2);
  expect_failed(explained("ab", "", "B"), 1, 2);
}

TEST(Explain, NamesTheOneRecordWithoutWhichTheOthersMatch) {
  expect_failed(explained("Babc", "abc"), 0, 1);
  expect_failed(explained("Babc", "Bbc"), 1, 1);
  expect_failed(explained("Baaab", "Baab"), 1, 1);
  expect_unexplained(explained("Babc", "Bc"), 0, 4);
}

TEST(Explain, SaysThatAViolationMayStandForAnother) {
  const std::string either = ", or an equal violation was lost";
  const Finding within = explained("BaVVb", "BaVb");
  expect_failed(within, 2, 1);
  EXPECT_THAT(within.what, HasSubstr(either));
  EXPECT_THAT(explained("BaV", "Ba").what, HasSubstr(either));
  EXPECT_THAT(explained("BaVb", "BaV").what, testing::Not(HasSubstr(either))) << "b is no violation";
}

TEST(Explain, LooksAtThePcrThatDoesNotMatch) {
  const Finding found = explained("a1b2c", "a1bc", "B", {10, 11});
  expect_failed(found, 4, 1);
  EXPECT_THAT(found.what, HasSubstr("PCR 11"));
}

TEST(Explain, FindsNoCauseIfTheListLacksWhatWasExtended) {
  expect_unexplained(explained("ab", "abx", "B"), 1, 2);
  expect_unexplained(explained("", "x", "B"), 1, 0);
}

TEST(Explain, LeavesOutSingleRecordsOfTwoThousandAtMost) {
  const std::string most(1999, 'b');
  expect_failed(explained("a" + most, most), 0, 1);
  expect_unexplained(explained("a" + most + 'b', most + 'b'), 0, 2001);
  expect_unexplained(explained("a" + most + 'b', most), 0, 2001);
}

// The unproven records of an archive come before those of the list.
Finding explained_after(ArchivedLetters& archived, const std::string& list, const std::string& measured) {
  test::FixedList source(list_of(list, bank("sha256")), bank("sha256"));
  ListStream stream(source, {ListPart::kCurrent});
  archive::ArchiveReader unproven(archived.store, archived.chain(), 0, archived.chain().end);
  return must(explain(&unproven, stream, bank("sha256"), state_after(""), RecordNumber(0),
                      test::values_of(state_after(measured), {10})));
}

TEST(Explain, GoesOnFromTheArchivesUnprovenRecords) {
  ArchivedLetters archived("Bab");
  expect_failed(explained_after(archived, "cd", "Babd"), 3, 1);
  expect_failed(explained_after(archived, "cd", "Bacd"), 2, 1);
}

TEST(Explain, CountsDamagedRecordsAndMatchesNothing) {
  ArchivedLetters archived("Bab");
  archived.flip_bit_of_segment(0);
  expect_unexplained(explained_after(archived, "cd", "Babc"), 0, 5);
}

TEST(Explain, NamesAnArchivedRecordWhoseStoredDigestMatches) {
  ArchivedLetters archived("");
  const Bytes list = altered_list("Bab", {2});
  archived.append_list(list);
  const Finding found = explained_after(archived, "c", "Babc");
  EXPECT_EQ(found.diagnosis, Diagnosis::kAlteredRecord);
  EXPECT_EQ(found.first, 2u);
  EXPECT_EQ(found.records, 1u);
}

}  // namespace
}  // namespace imakeep::keeper::explain_test
