// SPDX-License-Identifier: Apache-2.0
#include "keeper/anchoring.h"

#include <gtest/gtest.h>

#include "keeper/test_support.h"

namespace imakeep::keeper::anchoring_test {
namespace {

using test::state_after;

// A chain with an anchor at record 2, which copied the PCRs of a machine that measured `copied`.
ChainState anchored(const std::string& copied, std::uint32_t parted_pcrs) {
  ChainState state{.chain = {.chain = archive::ChainId(1), .end = 2}, .row = {}, .origin = {}, .shape = ListShape()};
  state.chain.end_pcrs = state_after(copied);
  state.anchor = archive::Anchor{.number = 2, .broken_at = 1, .pcrs = state_after(copied)};
  state.anchors_at_break = 1;
  state.parted_pcrs = parted_pcrs;
  return state;
}

Evidence evidence_of(const std::string& log) {
  return {.pcrs = test::values_of(state_after(log), {10, 11})};
}

TEST(WentOn, EachPcrThatPartedNeedsAnotherValue) {
  const ChainState both = anchored("Bx1", 1u << 10 | 1u << 11);
  EXPECT_FALSE(went_on(both, evidence_of("Bx1")));
  EXPECT_FALSE(went_on(both, evidence_of("Bx1a"))) << "PCR 11 has the copied value";
  EXPECT_TRUE(went_on(both, evidence_of("Bx1a2")));
  EXPECT_TRUE(went_on(anchored("Bx1", 1u << 10), evidence_of("Bx1a")));
  EXPECT_TRUE(went_on(anchored("Bx1", 0), evidence_of("Bx1")));
}

Mismatch grown_by(std::uint64_t records) {
  Mismatch mismatch;
  mismatch.grown = ListPosition{.records = 2 + records, .new_from = {.records = 2}};
  return mismatch;
}

TEST(CopiesAll, IfTheListDoesNotLookLikeTheKnownRecords) {
  EXPECT_TRUE(copies_all(anchored("Bx", 0), {}, true, true));
  EXPECT_TRUE(copies_all(anchored("Bx", 0), {}, false, true));
}

TEST(CopiesAll, AfterEachCopyTwiceAsManyNewRecordsAreNeeded) {
  ChainState state = anchored("Bx", 0);
  EXPECT_TRUE(copies_all(state, grown_by(0), true, false)) << "another break";
  EXPECT_FALSE(copies_all(state, grown_by(0), true, true));
  EXPECT_TRUE(copies_all(state, grown_by(1), true, true));
  state.anchors_at_break = 3;
  EXPECT_FALSE(copies_all(state, grown_by(3), true, true));
  EXPECT_TRUE(copies_all(state, grown_by(4), true, true));
}

TEST(CopiesAll, OnceWhileTheListChanges) {
  ChainState state = anchored("Bx", 0);
  state.row.proven = state.chain.end;
  EXPECT_TRUE(copies_all(state, grown_by(1), false, false)) << "all that is archived is proven";
  state.row.proven = 0;
  EXPECT_FALSE(copies_all(state, grown_by(1), false, false)) << "the whole list is archived, unproven";
}

}  // namespace
}  // namespace imakeep::keeper::anchoring_test
