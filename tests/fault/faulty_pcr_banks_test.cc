// SPDX-License-Identifier: Apache-2.0
#include "tpm/faulty/faulty_pcr_banks.h"

#include <gtest/gtest.h>

#include "tpm/soft/soft_pcr_banks.h"

namespace imakeep::tpm {
namespace {

const std::vector<digest::Bank> kBanks = *digest::parse_banks("sha1,sha256");
const std::vector<digest::Digest> kDigests{digest::Digest::filled(20, std::byte{1}),
                                           digest::Digest::filled(32, std::byte{2})};

class FaultyPcrBanksTest : public testing::Test {
 protected:
  digest::Digest sha1_value() { return soft_.read(10)->front(); }
  static digest::Digest extended(int times) {
    digest::PcrState state(kBanks);
    for (int i = 0; i < times; ++i) state.extend(0, 10, kDigests[0]);
    return state.value(0, 10);
  }

  SoftPcrBanks soft_{digest::PcrState(kBanks)};
  FaultyPcrBanks faulty_{soft_};
};

TEST_F(FaultyPcrBanksTest, AFaultBeforeTheEffectLeavesThePcr) {
  faulty_.fail_at(1, FaultPoint::kBeforeEffect);
  EXPECT_TRUE(faulty_.extend(10, kDigests));
  EXPECT_EQ(faulty_.extend(10, kDigests).error().code, ErrorCode::kIo);
  EXPECT_EQ(sha1_value(), extended(1));
  EXPECT_TRUE(faulty_.extend(10, kDigests));
  EXPECT_EQ(sha1_value(), extended(2));
}

TEST_F(FaultyPcrBanksTest, AFaultAfterTheEffectExtendsThePcr) {
  faulty_.fail_at(1, FaultPoint::kAfterEffect, {.code = ErrorCode::kEnvironment, .message = "mine"});
  EXPECT_TRUE(faulty_.extend(10, kDigests));
  const auto failed = faulty_.extend(10, kDigests);
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().code, ErrorCode::kEnvironment);
  EXPECT_EQ(failed.error().message, "mine");
  EXPECT_EQ(sha1_value(), extended(2));
}

TEST_F(FaultyPcrBanksTest, ReadsAndExtendsAreCountedTogether) {
  faulty_.fail_at(1, FaultPoint::kAfterEffect);
  EXPECT_TRUE(faulty_.extend(10, kDigests));
  EXPECT_FALSE(faulty_.read(10));
  EXPECT_TRUE(faulty_.read(10));
  EXPECT_EQ(faulty_.calls(), 3u);
}

TEST_F(FaultyPcrBanksTest, ATpmThatIsGoneStaysGone) {
  faulty_.fail_from(1);
  EXPECT_TRUE(faulty_.extend(10, kDigests));
  for (int i = 0; i < 3; ++i) {
    EXPECT_FALSE(faulty_.extend(10, kDigests));
    EXPECT_FALSE(faulty_.read(10));
  }
  EXPECT_EQ(sha1_value(), extended(1));
}

TEST_F(FaultyPcrBanksTest, AWrongCallKeepsItsOwnError) {
  faulty_.fail_at(0, FaultPoint::kAfterEffect);
  EXPECT_EQ(faulty_.extend(99, kDigests).error().code, ErrorCode::kUsage);
}

}  // namespace
}  // namespace imakeep::tpm
