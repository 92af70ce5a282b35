// SPDX-License-Identifier: Apache-2.0
#include "imalog/pcr_state.h"

#include <gtest/gtest.h>

#include "imalog/test_support.h"

namespace imakeep::imalog {
namespace pcr_state_test {

TEST(PcrState, StartsWithZerosUntouched) {
  const PcrState state(test::banks("sha1,sha512"));
  for (std::uint32_t pcr = 0; pcr < kPcrCount; ++pcr) {
    EXPECT_EQ(state.value(0, pcr), digest::Digest(20));
    EXPECT_EQ(state.value(1, pcr), digest::Digest(64));
    EXPECT_FALSE(state.touched(pcr));
  }
}

TEST(PcrState, ARecordIsExtendedIntoItsPcrOfEveryBankAndNoOther) {
  // sm3: (head -c32 /dev/zero; printf '\4\0\0\0abc\0' | openssl dgst -sm3 -binary) | openssl dgst -sm3
  const test::Content content{
      .pcr = 11, .template_name = "n-ng", .body = test::data_of({test::bytes_of(std::string_view("abc\0", 4))})};
  PcrState state(test::banks("sha1,sm3"));
  extend(state, content.view());
  EXPECT_EQ(to_hex(state.value(1, 11).view()), "e4981d454e496fa68818f1bdc6eed15f23a3b45c55d29a003e2d9d3837aa6fa4");
  EXPECT_NE(state.value(0, 11), digest::Digest(20));
  for (std::uint32_t pcr = 0; pcr < kPcrCount; ++pcr) {
    EXPECT_EQ(state.touched(pcr), pcr == 11) << pcr;
    if (pcr == 11) continue;
    EXPECT_EQ(state.value(0, pcr), digest::Digest(20)) << pcr;
    EXPECT_EQ(state.value(1, pcr), digest::Digest(32)) << pcr;
  }
}

TEST(PcrState, AViolationExtendsOnes) {
  // (head -c32 /dev/zero; head -c32 /dev/zero | tr '\0' '\377') | openssl dgst -sm3
  test::Content content = test::ima_ng("/a");
  content.violation = true;
  PcrState state(test::banks("sm3"));
  extend(state, content.view());
  EXPECT_EQ(to_hex(state.value(0, 10).view()), "59672c5951405f8cd07bae147b53df0d5f0db0cdbb8c919167cbcc232ca335a2");
}

TEST(PcrState, ABankLinuxCannotHashIsExtendedWithThatBanksOwnHash) {
  const digest::Bank bank = test::bank("tpm_alg_27");
  const test::Content content = test::ima_ng("/a");
  PcrState state({bank});
  extend(state, content.view());
  EXPECT_EQ(state.value(0, 10), digest::extend(digest::Algorithm::kSha3_256, digest::Digest(32),
                                               template_digest(bank, content.template_name, content.body)));
}

TEST(PcrState, OneExtendChangesOneBank) {
  PcrState state(test::banks("sha1,sha256"));
  state.extend(1, 10, digest::Digest::filled(32, std::byte{1}));
  EXPECT_EQ(state.value(0, 10), digest::Digest(20));
  EXPECT_EQ(state.value(1, 10),
            digest::extend(digest::Algorithm::kSha256, digest::Digest(32), digest::Digest::filled(32, std::byte{1})));
  EXPECT_TRUE(state.touched(10));
}

TEST(PcrState, ASetValueIsWhatTheNextExtendStartsFrom) {
  PcrState whole(test::banks("sha256"));
  extend(whole, test::ima_ng("/a").view());
  PcrState resumed(test::banks("sha256"));
  resumed.set(0, 10, whole.value(0, 10));
  EXPECT_EQ(resumed, whole);
  const test::Content next = test::ima_ng("/b");
  extend(whole, next.view());
  extend(resumed, next.view());
  EXPECT_EQ(resumed, whole);
}

TEST(PcrState, StatesDifferWhereABankAValueOrATouchedPcrDoes) {
  const PcrState state(test::banks("sha256"));
  EXPECT_NE(state, PcrState(test::banks("sm3")));
  PcrState set = state;
  set.set(0, 23, digest::Digest(32));
  EXPECT_NE(state, set);
  EXPECT_TRUE(set.touched(23));
}

}  // namespace pcr_state_test
}  // namespace imakeep::imalog
