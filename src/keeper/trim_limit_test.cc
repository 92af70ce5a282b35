// SPDX-License-Identifier: Apache-2.0
#include "keeper/trim_limit.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "keeper/test_support.h"

namespace imakeep::keeper::trim_limit_test {
namespace {

using archive::ChainId;
using imalog::test::must;
using testing::HasSubstr;

// A chain of ten records. Its list holds [3, 10) without [5, 7): five records.
class TrimLimitTest : public testing::Test {
 protected:
  TrimLimitTest() {
    const archive::test::Incoming log = archive::test::made("/limit/", 10);
    must(archive_.begin_chain({log.bank}, archive::ChainStart::kBoot));
    const archive::ListRow list{.chain = ChainId(1), .head = 3, .holes = "5-7", .proven = 10, .proven_unix_s = 1};
    must(archive_.append(ChainId(1), 0, log.records, log.bank, 0, {.list = &list}));
  }

  void acknowledge(const char* verifier, std::uint64_t records) {
    must(archive_.acknowledge(verifier, ChainId(1), records, 1));
  }
  TrimLimit limit(TrimAfter trim_after = TrimAfter::kVerified) {
    return must(trim_limit(archive_, *must(ChainState::load(archive_)), trim_after));
  }

  archive::MemoryStore store_;
  archive::Archive archive_{store_};
};

TEST_F(TrimLimitTest, VerifiersLimitNothingAfterArchived) {
  acknowledge("fleet", 0);
  const TrimLimit none = limit(TrimAfter::kArchived);
  EXPECT_FALSE(none.limited);
  EXPECT_TRUE(none.covers(1'000'000));
  EXPECT_EQ(none.of_certain(5), 5u);
  EXPECT_EQ(none.why, "");
}

TEST_F(TrimLimitTest, WithoutAVerifierNothingIsVerified) {
  const TrimLimit none = limit();
  EXPECT_TRUE(none.limited);
  EXPECT_EQ(none.verified, 0u);
  EXPECT_EQ(none.of_certain(5), 0u);
  EXPECT_EQ(none.why, kNoVerifier);
}

TEST_F(TrimLimitTest, IsTheSmallestNumberOfAllVerifiers) {
  acknowledge("fleet", 10);
  EXPECT_EQ(limit().verified, 5u);
  EXPECT_EQ(limit().unverified, 0u);
  EXPECT_EQ(limit().why, "");
  acknowledge("audit", 8);
  EXPECT_EQ(limit().verified, 3u) << "records 3, 4 and 7";
  EXPECT_EQ(limit().unverified, 2u);
  EXPECT_THAT(limit().why, HasSubstr("verifier audit has proven only the records before 8 of chain 1"));
  EXPECT_TRUE(limit().covers(3));
  EXPECT_FALSE(limit().covers(4));
}

TEST_F(TrimLimitTest, AVerifierThatHasProvenNothingOfTheChainCountsWithZero) {
  acknowledge("fleet", 10);
  acknowledge("audit", 0);
  EXPECT_EQ(limit().verified, 0u);
  EXPECT_THAT(limit().why, HasSubstr("verifier audit has proven no record of chain 1"));
  // After a reset of the TPM the host has another chain.
  const archive::test::Incoming log = archive::test::made("/next/", 1);
  must(archive_.begin_chain({log.bank}, archive::ChainStart::kBoot));
  must(archive_.append(ChainId(2), 0, log.records, log.bank, 0));
  EXPECT_EQ(limit().verified, 0u);
  EXPECT_THAT(limit().why, HasSubstr("of chain 2"));
}

TEST_F(TrimLimitTest, RecordsBeforeTheListsHeadDoNotCount) {
  acknowledge("fleet", 3);
  EXPECT_EQ(limit().verified, 0u);
  EXPECT_EQ(limit().unverified, 5u);
}

TEST_F(TrimLimitTest, IsCountedFromTheListsEndIfTheListMayHoldLess) {
  acknowledge("fleet", 8);
  EXPECT_EQ(limit().of_certain(5), 3u);
  EXPECT_EQ(limit().of_certain(4), 2u);
  EXPECT_EQ(limit().of_certain(2), 0u);
  EXPECT_EQ(limit().of_certain(0), 0u);
}

}  // namespace
}  // namespace imakeep::keeper::trim_limit_test
