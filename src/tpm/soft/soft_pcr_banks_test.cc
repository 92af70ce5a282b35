// SPDX-License-Identifier: Apache-2.0
#include "tpm/soft/soft_pcr_banks.h"

#include <gtest/gtest.h>

namespace imakeep::tpm {
namespace soft_pcr_banks_test {

const std::vector<digest::Bank> kBanks = *digest::parse_banks("sha1,sha256");

TEST(SoftPcrBanks, StartAtZeroAndExtendEveryBank) {
  SoftPcrBanks pcrs{digest::PcrState(kBanks)};
  EXPECT_EQ(pcrs.read(10)->at(1), digest::Digest(32));
  const std::vector<digest::Digest> digests{digest::Digest::filled(20, std::byte{1}),
                                            digest::Digest::filled(32, std::byte{2})};
  ASSERT_TRUE(pcrs.extend(10, digests));
  const auto values = *pcrs.read(10);
  EXPECT_EQ(values[0], digest::extend(digest::Algorithm::kSha1, digest::Digest(20), digests[0]));
  EXPECT_EQ(values[1], digest::extend(digest::Algorithm::kSha256, digest::Digest(32), digests[1]));
  EXPECT_EQ(pcrs.read(11)->at(0), digest::Digest(20));
}

TEST(SoftPcrBanks, ContinueFromAGivenState) {
  digest::PcrState state(kBanks);
  state.set(1, 10, digest::Digest::filled(32, std::byte{7}));
  SoftPcrBanks pcrs(std::move(state));
  EXPECT_EQ(pcrs.read(10)->at(1), digest::Digest::filled(32, std::byte{7}));
}

TEST(SoftPcrBanks, RefuseWhatNoTpmTakesAndChangeNothing) {
  SoftPcrBanks pcrs{digest::PcrState(kBanks)};
  const std::vector<digest::Digest> wrong_size{digest::Digest(20), digest::Digest(20)};
  const std::vector<digest::Digest> one{digest::Digest(20)};
  const std::vector<digest::Digest> right{digest::Digest(20), digest::Digest(32)};
  EXPECT_EQ(pcrs.extend(10, wrong_size).error().code, ErrorCode::kUsage);
  EXPECT_EQ(pcrs.extend(10, one).error().code, ErrorCode::kUsage);
  EXPECT_EQ(pcrs.extend(24, right).error().code, ErrorCode::kUsage);
  EXPECT_EQ(pcrs.read(24).error().code, ErrorCode::kUsage);
  EXPECT_EQ(pcrs.read(10)->at(0), digest::Digest(20));
}

}  // namespace soft_pcr_banks_test
}  // namespace imakeep::tpm
