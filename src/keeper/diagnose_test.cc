// SPDX-License-Identifier: Apache-2.0
#include "keeper/diagnose.h"

#include <gtest/gtest.h>

#include "keeper/test_support.h"

namespace imakeep::keeper::diagnose_test {
namespace {

using test::shape_of;

ListFacts facts_of_an_overlap() {
  return {.table_kept = true, .in_list = 5, .by_content = Alignment{.known = 3, .shape = shape_of(2), .gone = 2}};
}

TEST(ContentProves, OnlyWhereTheKernelRemembersEveryDigest) {
  ListFacts facts = facts_of_an_overlap();
  EXPECT_TRUE(content_proves(facts));
  facts.table_kept = false;
  EXPECT_FALSE(content_proves(facts));
}

TEST(ContentProves, NothingAfterAKexec) {
  ListFacts facts = facts_of_an_overlap();
  facts.any_kexec = true;
  EXPECT_FALSE(content_proves(facts));
  facts.any_kexec = false;
  facts.other_kernel = true;
  EXPECT_FALSE(content_proves(facts));
}

TEST(ContentProves, AListThatStillBeginsWithItsKernelsFirstRecordWasNeverTrimmed) {
  ListFacts facts = facts_of_an_overlap();
  facts.table_kept = false;
  facts.never_trimmed = true;
  EXPECT_TRUE(content_proves(facts));
}

TEST(ContentProves, NothingWithoutAnOverlap) {
  ListFacts facts = facts_of_an_overlap();
  facts.by_content.reset();
  EXPECT_FALSE(content_proves(facts));
}

TEST(Diagnose, AMachineThatWasSetBackIsNoGap) {
  ListFacts facts{.in_list = 5, .set_back = SetBack{.at = RecordNumber(2), .went_on = 1}};
  EXPECT_EQ(diagnose(facts), Verdict::kArchiveAhead);
  facts.set_back.reset();
  EXPECT_EQ(diagnose(facts), Verdict::kGap);
}

TEST(Diagnose, AnotherKernelsListIsOfThisChainOnlyForWhatCameOverAKexec) {
  ListFacts facts = facts_of_an_overlap();
  facts.other_kernel = true;
  facts.by_content->gone = 0;
  facts.restored = 3;
  EXPECT_EQ(diagnose(facts), Verdict::kKexecGap);
  facts.restored = 2;
  EXPECT_EQ(diagnose(facts), Verdict::kOtherChain);
  facts.restored = 3;
  facts.by_content->gone = 1;
  EXPECT_EQ(diagnose(facts), Verdict::kOtherChain);
  facts.by_content.reset();
  EXPECT_EQ(diagnose(facts), Verdict::kOtherChain);
}

TEST(Diagnose, AListIsOfThisChainWhileTheTpmWasNotReset) {
  ListFacts facts = facts_of_an_overlap();
  facts.other_kernel = true;
  EXPECT_EQ(diagnose(facts), Verdict::kOtherChain);
  facts.same_life = true;
  EXPECT_EQ(diagnose(facts), Verdict::kKexecGap);
}

TEST(Diagnose, AnotherKernelsListThatAPcrOfTheChainPlacesIsOfThisChain) {
  ListFacts facts = facts_of_an_overlap();
  facts.other_kernel = true;
  facts.by_matching_pcrs = Alignment{.known = 1, .shape = shape_of(4), .gone = 4};
  EXPECT_EQ(diagnose(facts), Verdict::kUnexplained);
}

TEST(DecidedAlignment, ThePcrsComeBeforeContent) {
  ListFacts facts = facts_of_an_overlap();
  ASSERT_TRUE(decided_alignment(facts));
  EXPECT_EQ(decided_alignment(facts)->known, 3u);
  facts.by_matching_pcrs = Alignment{.known = 1, .shape = shape_of(4), .gone = 4};
  EXPECT_EQ(decided_alignment(facts)->known, 1u);
  facts.by_matching_pcrs.reset();
  facts.table_kept = false;
  EXPECT_FALSE(decided_alignment(facts)) << "neither the PCRs nor content decide";
}

TEST(Diagnose, AGapIsNamedOnlyIfNothingOfWhatWasKnownIsLeft) {
  ListFacts facts{.in_list = 5};
  EXPECT_EQ(diagnose(facts), Verdict::kGap);
  facts.by_violations = Alignment{.known = 2, .shape = shape_of(4), .missing = {}};
  EXPECT_EQ(diagnose(facts), Verdict::kUnexplained);
  facts.by_violations.reset();
  facts.in_list = 0;
  EXPECT_EQ(diagnose(facts), Verdict::kUnexplained);
}

TEST(Diagnose, WithoutPcrsAListWithoutAnOverlapIsAnotherChain) {
  EXPECT_EQ(diagnose({.with_pcrs = false, .in_list = 5}), Verdict::kOtherChain);
}

}  // namespace
}  // namespace imakeep::keeper::diagnose_test
