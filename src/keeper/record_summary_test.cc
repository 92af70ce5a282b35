// SPDX-License-Identifier: Apache-2.0
#include "keeper/record_summary.h"

#include <gmock/gmock.h>

#include "keeper/test_support.h"

namespace imakeep::keeper::record_summary_test {
namespace {

using imalog::test::must;
using test::ArchivedLetters;
using test::record_of;
using test::summary_of;
using testing::ElementsAre;

TEST(RecordSummary, LooksForLastingRecordsWithinItsRange) {
  const RecordSummary summary = summary_of("VaV1V");
  const auto has_lasting = [&](std::uint64_t from, std::uint64_t to) {
    return summary.has_lasting(ListIndex(from), ListIndex(to));
  };
  EXPECT_FALSE(has_lasting(0, 1));
  EXPECT_TRUE(has_lasting(0, 2));
  EXPECT_TRUE(has_lasting(1, 2));
  EXPECT_FALSE(has_lasting(2, 3));
  EXPECT_FALSE(has_lasting(4, 100));
  EXPECT_FALSE(has_lasting(1, 1));
}

TEST(RecordSummary, LooksForLastingRecordsOfSomePcrs) {
  const RecordSummary summary = summary_of("VaV1V");
  const auto has_lasting = [&](std::uint64_t from, std::uint64_t to, std::uint32_t of_pcrs) {
    return summary.has_lasting(ListIndex(from), ListIndex(to), of_pcrs);
  };
  EXPECT_TRUE(has_lasting(0, 5, 1u << 11));
  EXPECT_FALSE(has_lasting(0, 3, 1u << 11));
  EXPECT_TRUE(has_lasting(0, 3, 1u << 10));
  EXPECT_FALSE(has_lasting(2, 5, 1u << 10)) << "only violations of PCR 10";
}

TEST(RecordSummary, RepeatsIfARecordThatIsNoViolationOccursTwice) {
  EXPECT_FALSE(summary_of("").repeats());
  EXPECT_FALSE(summary_of("VaVbV").repeats());
  EXPECT_TRUE(summary_of("aVba").repeats());
}

TEST(RecordSummary, AKernelsFirstRecordAfterOthersTellsOfAKexec) {
  EXPECT_FALSE(summary_of("").has_kexec());
  EXPECT_FALSE(summary_of("Ba").has_kexec());
  EXPECT_TRUE(summary_of("aB").has_kexec());
  EXPECT_TRUE(summary_of("BaB").has_kexec());
  EXPECT_TRUE(summary_of("BaB").begins_with_kernel());
  EXPECT_FALSE(summary_of("aB").begins_with_kernel());
}

TEST(RecordSummary, CountsTheRecordsThatAKexecRestored) {
  EXPECT_EQ(summary_of("Bab").restored(), 0u);
  EXPECT_EQ(summary_of("BabBc").restored(), 3u);
  EXPECT_EQ(summary_of("ab").restored(), 0u);
}

RecordSummary summary_of_bytes(const Bytes& list) {
  test::FixedList source(list, ArchivedLetters::kBank);
  ListStream stream(source, {ListPart::kCurrent});
  must(stream.next());  // it begins anew, wherever the stream is
  return must(summary_of_list(stream, ArchivedLetters::kBank));
}

TEST(SummaryOfList, IsThatOfItsRecords) {
  const RecordSummary summary = summary_of_bytes(test::list_of("BaV1", ArchivedLetters::kBank));
  EXPECT_EQ(summary.ids, summary_of("BaV1").ids);
  EXPECT_THAT(summary.violations, ElementsAre(false, false, true, false));
  EXPECT_THAT(summary.pcrs, ElementsAre(10, 10, 10, 11));
  EXPECT_THAT(summary.boot_aggregates, ElementsAre(ListIndex(0)));
  EXPECT_EQ(summary.staged, 0u);
  EXPECT_EQ(summary.records(), 4u);
}

TEST(SummaryOfList, NotesDigestsThatDoNotMatchTheData) {
  const digest::Bank& bank = ArchivedLetters::kBank;
  Bytes list = test::list_of("a", bank);
  imalog::encode_record(list, record_of('b').view(), imalog::shown_digest(bank, record_of('c').view()).view(),
                        ByteOrder::kLittle);
  test::append_letters(list, "dV", bank);
  EXPECT_THAT(summary_of_bytes(list).wrong_digests, ElementsAre(false, true, false, false));
}

TEST(SummaryOfKnown, LeavesOutWhatTheListDoesNotHold) {
  ArchivedLetters archived("Babcd");
  const auto known = must(summary_of_known(archived.store, archived.chain(), test::shape_of(1, "2-4")));
  EXPECT_EQ(known.ids, summary_of("ad").ids);
}

TEST(SummaryOfKnown, FailsOnADamagedRecord) {
  ArchivedLetters archived("Bab", "cd");
  archived.flip_bit_of_segment(3);
  const auto known = summary_of_known(archived.store, archived.chain(), ListShape());
  ASSERT_FALSE(known);
  EXPECT_EQ(known.error().code, ErrorCode::kMalformed);
}

}  // namespace
}  // namespace imakeep::keeper::record_summary_test
