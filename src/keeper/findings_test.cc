// SPDX-License-Identifier: Apache-2.0
#include "keeper/findings.h"

#include <gmock/gmock.h>

#include "keeper/test_support.h"

namespace imakeep::keeper::findings_test {
namespace {

using imalog::test::must;
using test::ArchivedLetters;
using test::range;
using test::shape_of;
using testing::ElementsAre;
using testing::HasSubstr;

ChainState state_of(const ListShape& shape, std::uint64_t pending = 0) {
  ChainState state{.chain = {.chain = archive::ChainId(1), .end = 20}, .row = {}, .origin = {}, .shape = shape};
  if (pending > 0) state.pending = archive::PendingRow{.first = shape.head().value(), .records = pending};
  return state;
}

// "first+records", of each finding.
std::vector<std::string> deletions(const std::vector<Finding>& found, Diagnosis diagnosis) {
  std::vector<std::string> all;
  for (const Finding& each : found) {
    EXPECT_EQ(each.diagnosis, diagnosis);
    all.push_back(std::to_string(each.first) + "+" + std::to_string(*each.records));
  }
  return all;
}

TEST(DeletedByOthers, CountsADeletionAtTheFrontOnce) {
  ChainState state = state_of(shape_of(2));
  const auto found = deleted_by_others(state, {.shape = shape_of(7), .gone = 5}, 99);
  EXPECT_THAT(deletions(found, Diagnosis::kTrimmedByOther), ElementsAre("2+5"));
  EXPECT_EQ(state.row.trimmed_by_others, 5u);
  EXPECT_EQ(state.row.trims_by_others, 1u);
  EXPECT_EQ(state.shape, shape_of(7));
  EXPECT_EQ(state.row.head, 7u);
}

TEST(DeletedByOthers, LeavesOutWhatThePendingTrimCovers) {
  ChainState state = state_of(shape_of(2), 3);
  const auto found = deleted_by_others(state, {.shape = shape_of(7), .gone = 5}, 99);
  EXPECT_THAT(deletions(found, Diagnosis::kTrimmedByOther), ElementsAre("5+2"));
  EXPECT_EQ(state.row.trimmed_by_others, 2u);
  EXPECT_EQ(state.row.trims_by_others, 1u);
  EXPECT_EQ(state.row.trimmed, 3u);
  EXPECT_EQ(state.row.trims, 1u);
  ChainState own = state_of(shape_of(2), 5);
  EXPECT_TRUE(deleted_by_others(own, {.shape = shape_of(7), .gone = 5}, 99).empty());
  EXPECT_EQ(own.row.trims_by_others, 0u);
}

TEST(DeletedByOthers, CountsEachStretchThatTheListLost) {
  ChainState state = state_of(shape_of(0));
  const auto found =
      deleted_by_others(state, {.shape = shape_of(0, "3-5,8-9"), .missing = {range(3, 5), range(8, 9)}}, 99);
  EXPECT_THAT(deletions(found, Diagnosis::kTrimmedByOther), ElementsAre("3+2", "8+1"));
  EXPECT_EQ(state.row.trimmed_by_others, 3u);
  EXPECT_EQ(state.row.trims_by_others, 2u);
  EXPECT_EQ(state.row.holes, "3-5,8-9");
}

TEST(DeletedByOthers, CountsAStretchAroundMissingRecordsOnce) {
  // The list lacked records 5 and 6 before. One request deleted records 3, 4, 7 and 8.
  ChainState state = state_of(shape_of(0, "5-7"));
  const auto found = deleted_by_others(state, {.shape = shape_of(0, "3-9"), .missing = {range(3, 5), range(7, 9)}}, 99);
  EXPECT_THAT(deletions(found, Diagnosis::kTrimmedByOther), ElementsAre("3+2", "7+2"));
  EXPECT_EQ(state.row.trimmed_by_others, 4u);
  EXPECT_EQ(state.row.trims_by_others, 1u);
}

TEST(DeletedByOthers, CountsTheFrontAndAStretchApart) {
  ChainState state = state_of(shape_of(0));
  const auto found = deleted_by_others(state, {.shape = shape_of(2, "5-7"), .gone = 2, .missing = {range(5, 7)}}, 99);
  EXPECT_THAT(deletions(found, Diagnosis::kTrimmedByOther), ElementsAre("0+2", "5+2"));
  EXPECT_EQ(state.row.trimmed_by_others, 4u);
  EXPECT_EQ(state.row.trims_by_others, 2u);
}

TEST(DeletedByOthers, CountsNothingThatAKexecDropped) {
  ChainState state = state_of(shape_of(0));
  auto found =
      deleted_by_others(state, {.shape = shape_of(0, "3-5"), .missing = {range(3, 5)}, .lost_by_kexec = true}, 99);
  EXPECT_THAT(deletions(found, Diagnosis::kKexecDropped), ElementsAre("3+2"));
  found = deleted_by_others(state, {.shape = shape_of(20), .gone = 18, .gone_by_kexec = true}, 99);
  EXPECT_EQ(found.size(), 1u);
  EXPECT_EQ(found.front().diagnosis, Diagnosis::kKexecDropped);
  EXPECT_EQ(state.row.trimmed_by_others, 0u);
  EXPECT_EQ(state.row.trims_by_others, 0u);
}

TEST(DeletedByOthers, CountsNothingIfTheListHoldsAll) {
  ChainState state = state_of(shape_of(2, "5-7"));
  EXPECT_TRUE(deleted_by_others(state, {.shape = shape_of(2, "5-7")}, 99).empty());
  EXPECT_EQ(state.row.trims_by_others, 0u);
}

TEST(AlteredRecords, AreNamedOneByOne) {
  const auto found = altered_records(archive::ChainId(1), {.altered = {RecordNumber(4), RecordNumber(9)}});
  EXPECT_THAT(deletions(found, Diagnosis::kAlteredRecord), ElementsAre("4+1", "9+1"));
}

TEST(UnreadPcrs, AreNamedInOrder) {
  EXPECT_EQ(unread_pcrs(1u << 11 | 1u << 10), "PCR 10, 11");
  const Finding found = nothing_proven_unread(state_of(shape_of(0)), {.unread = 1u << 11, .why_unread = "no TPM"});
  EXPECT_EQ(found.diagnosis, Diagnosis::kUnreadPcr);
  EXPECT_THAT(found.what, HasSubstr("PCR 11 cannot be read"));
  EXPECT_THAT(found.what, HasSubstr("no TPM"));
}

TEST(NewIncidents, AreThoseThatAreNotStoredYet) {
  ArchivedLetters archived("Bab");
  const std::vector<Finding> found{
      {.diagnosis = Diagnosis::kAlteredRecord, .chain = ArchivedLetters::kChain, .first = 1, .what = "altered"},
      {.diagnosis = Diagnosis::kTrimmedByOther, .chain = ArchivedLetters::kChain, .first = 0, .what = "passing"},
      {.diagnosis = Diagnosis::kUnreadPcr, .chain = ArchivedLetters::kChain, .first = 0, .what = "passing"}};
  const auto incidents = must(new_incidents(archived.archive, found, 7));
  ASSERT_EQ(incidents.size(), 1u);
  EXPECT_EQ(incidents[0].kind, "altered-record");
  must(archived.archive.append(ArchivedLetters::kChain, 3, {}, ArchivedLetters::kBank, 7, {.incidents = incidents}));
  EXPECT_TRUE(must(new_incidents(archived.archive, found, 8)).empty());
}

}  // namespace
}  // namespace imakeep::keeper::findings_test
