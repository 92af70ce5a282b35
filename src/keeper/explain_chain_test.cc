// SPDX-License-Identifier: Apache-2.0
#include "keeper/explain_chain.h"

#include <gmock/gmock.h>

#include "keeper/test_support.h"

namespace imakeep::keeper::explain_chain_test {
namespace {

using imalog::test::must;
using test::ArchivedLetters;
using test::known_chain;
using test::ObservedLetters;
using test::summary_of;
using testing::HasSubstr;

Finding of_new_chain(const std::string& list, const std::string& log, const std::string& why_not_the_last = "") {
  ObservedLetters seen(list, log);
  return must(explain_new_chain(seen.view(), list.size(), why_not_the_last));
}

// The finding for a list that begins with all records of the archive.
Finding of_known(ArchivedLetters& archived, const KnownChain& known, const std::string& list, const std::string& log,
                 const std::vector<std::uint32_t>& pcrs = {10}) {
  ObservedLetters seen(list, log, pcrs);
  const std::uint64_t in_list = archived.letters.size();
  const ObservationView view = seen.view();
  while (view.stream.records() < in_list) must(view.stream.next());
  return must(explain_known(view, archived.store, known, summary_of(list), {.known = in_list, .shape = known.shape},
                            view.stream.place()));
}

TEST(ExplainNewChain, SaysThatNothingWasExtended) {
  const Finding found = of_new_chain("Bab", "");
  EXPECT_EQ(found.diagnosis, Diagnosis::kMeasuredWithoutTpm);
  EXPECT_THAT(found.what, HasSubstr("3 records"));
}

TEST(ExplainNewChain, TriesToExplainTheRecords) {
  EXPECT_EQ(of_new_chain("Bab", "Ba").diagnosis, Diagnosis::kFailedExtend);
}

TEST(ExplainNewChain, TellsAListThatBeginsWithItsKernelFromAHeadlessOne) {
  EXPECT_EQ(of_new_chain("Bab", "xBab").diagnosis, Diagnosis::kStartNotZero);
  const Finding headless = of_new_chain("ab", "Bab");
  EXPECT_EQ(headless.diagnosis, Diagnosis::kHeadless);
  EXPECT_FALSE(headless.records) << "nothing tells how many were lost";
}

TEST(ExplainNewChain, SaysWhyItIsNotTheLastChain) {
  const Finding found = of_new_chain("Bab", "xBab", ", and the TPM was reset");
  EXPECT_EQ(found.diagnosis, Diagnosis::kHeadless);
  EXPECT_THAT(found.what, HasSubstr("TPM reset, and the TPM was reset: "));
}

TEST(ExplainKnown, BeginsAfterTheProvenRecords) {
  ArchivedLetters archived("Babcd");
  KnownChain known = known_chain(archived);
  known.proven = RecordNumber(3);
  // Record c was never extended.
  const Finding found = of_known(archived, known, "Babcde", "Babde");
  EXPECT_EQ(found.diagnosis, Diagnosis::kFailedExtend);
  EXPECT_EQ(found.first, 3u);
  EXPECT_EQ(found.chain, ArchivedLetters::kChain);
}

TEST(ExplainKnown, NothingWasDeletedIfTheListHoldsAProvenRecord) {
  ArchivedLetters archived("Bab");
  KnownChain known = known_chain(archived);
  known.proven = RecordNumber(3);
  EXPECT_EQ(of_known(archived, known, "Babc", "Babxc").diagnosis, Diagnosis::kUnexplainedExtend);
}

TEST(ExplainKnown, RecordsMayHaveBeenDeletedIfTheListHoldsNoProvenOne) {
  ArchivedLetters archived("BaV");
  KnownChain known = known_chain(archived);
  known.proven = RecordNumber(3);
  ObservedLetters seen("Vc", "BaVxc");
  const ObservationView view = seen.view();
  must(view.stream.next());
  const Finding found = must(explain_known(view, archived.store, known, summary_of("Vc"),
                                           {.known = 1, .shape = test::shape_of(2), .gone = 2}, view.stream.place()));
  EXPECT_EQ(found.diagnosis, Diagnosis::kGapOrExtend) << "a violation tells nothing";
}

TEST(ExplainKnown, SaysThatNothingWasExtendedAfterTheStart) {
  ArchivedLetters archived("Bab");
  const Finding found = of_known(archived, known_chain(archived), "Babc", "");
  EXPECT_EQ(found.diagnosis, Diagnosis::kMeasuredWithoutTpm);
  EXPECT_EQ(found.chain, ArchivedLetters::kChain);
}

TEST(ExplainKnown, APcrThatNoRecordNamedBeforeTheAnchorTellsNothing) {
  ArchivedLetters archived("Bab", "cd");
  KnownChain known = known_chain(archived);
  known.anchored_at = known.proven = RecordNumber(3);
  const Finding found = of_known(archived, known, "Babcd", "Babcd1", {10, 11});
  EXPECT_EQ(found.diagnosis, Diagnosis::kGapOrExtend);
  EXPECT_THAT(found.what, HasSubstr("PCR 11 had a value before the first record that names it"));
}

}  // namespace
}  // namespace imakeep::keeper::explain_chain_test
