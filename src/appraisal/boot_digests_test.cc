// SPDX-License-Identifier: Apache-2.0
#include "appraisal/boot_digests.h"

#include <gtest/gtest.h>

namespace imakeep::appraisal {
namespace boot_digests_test {

using digest::Algorithm;

std::vector<imalog::PcrValue> values_of(Algorithm algorithm, std::uint32_t count) {
  std::vector<imalog::PcrValue> values;
  for (std::uint32_t pcr = 0; pcr < count; ++pcr) {
    values.push_back({.bank = digest::bank_of(algorithm),
                      .pcr = pcr,
                      .value = digest::Digest::filled(digest::digest_bytes(algorithm), std::byte(pcr + 1))});
  }
  return values;
}

// H over PCRs 0 to count - 1.
digest::Digest aggregate(Algorithm algorithm, std::uint32_t count) {
  Bytes joined;
  for (const imalog::PcrValue& value : values_of(algorithm, count)) append_bytes(joined, value.value.view());
  return digest::hash(algorithm, joined);
}

TEST(BootDigests, AreOverPcrs0To7And0To9Alone) {
  const BootDigests digests(values_of(Algorithm::kSha256, 12));
  for (std::uint32_t count = 1; count <= 12; ++count) {
    const bool known = count == 8 || count == 10;
    EXPECT_EQ(digests.matches(Algorithm::kSha256, aggregate(Algorithm::kSha256, count).view()), known) << count;
    EXPECT_EQ(digests.matches_any(aggregate(Algorithm::kSha256, count).view()), known) << count;
  }
}

TEST(BootDigests, OfABankWithoutPcrs8And9AreOver0To7) {
  const BootDigests digests(values_of(Algorithm::kSha256, 8));
  EXPECT_TRUE(digests.matches(Algorithm::kSha256, aggregate(Algorithm::kSha256, 8).view()));
  EXPECT_TRUE(digests.has_bank(Algorithm::kSha256));
}

TEST(BootDigests, OfABankThatLacksOneOfPcrs0To7AreNone) {
  for (std::uint32_t lacking = 0; lacking < 8; ++lacking) {
    auto values = values_of(Algorithm::kSha256, 10);
    values.erase(values.begin() + lacking);
    EXPECT_TRUE(BootDigests(values).empty()) << lacking;
    EXPECT_FALSE(BootDigests(values).has_bank(Algorithm::kSha256)) << lacking;
  }
  EXPECT_TRUE(BootDigests(std::vector<imalog::PcrValue>()).empty());
}

TEST(BootDigests, AreThoseOfTheirBank) {
  auto values = values_of(Algorithm::kSha256, 10);
  const auto others = values_of(Algorithm::kSha3_256, 10);
  values.insert(values.end(), others.begin(), others.end());
  const BootDigests digests(values);
  const auto sha256 = aggregate(Algorithm::kSha256, 10);
  const auto sha3 = aggregate(Algorithm::kSha3_256, 10);
  EXPECT_TRUE(digests.matches(Algorithm::kSha256, sha256.view()));
  EXPECT_TRUE(digests.matches(Algorithm::kSha3_256, sha3.view()));
  EXPECT_FALSE(digests.matches(Algorithm::kSha256, sha3.view()));
  EXPECT_FALSE(digests.matches(Algorithm::kSha3_256, sha256.view()));
  EXPECT_TRUE(digests.matches_any(sha256.view()));
  EXPECT_TRUE(digests.matches_any(sha3.view()));
}

}  // namespace boot_digests_test
}  // namespace imakeep::appraisal
