// SPDX-License-Identifier: Apache-2.0
#include "imalog/extend_rule.h"

#include <gtest/gtest.h>

#include "imalog/test_support.h"

namespace imakeep::imalog {
namespace extend_rule_test {

std::string other_names(std::string_view bank) {
  return digest::bank_names(other_fills(test::bank(bank)));
}

std::vector<std::string> ways_of(std::string_view banks) {
  std::vector<std::string> names;
  for (const auto& way : other_fills_together(test::banks(banks))) names.push_back(digest::bank_names(way));
  return names;
}

TEST(StrengthOf, ABankIsThatOfTheHashOverTheData) {
  for (const char* const name : {"sha256", "sha384", "sm3"}) EXPECT_EQ(strength_of(test::bank(name)), Strength::kFull);
  for (const char* const name : {"sha1", "sha256:padded", "sha512:padded-short", "tpm_alg_27"})
    EXPECT_EQ(strength_of(test::bank(name)), Strength::kSha1) << name;
  for (const char* const name : {"sha1:invalidated", "sha256:invalidated", "tpm_alg_27:invalidated"})
    EXPECT_EQ(strength_of(test::bank(name)), Strength::kNone) << name;
}

TEST(OtherFills, AreThoseThatAKernelMayHaveUsed) {
  EXPECT_EQ(other_names("sha256"), "sha256:padded-short,sha256:padded,sha256:invalidated");
  EXPECT_EQ(other_names("sha1"), "sha1:invalidated");
  EXPECT_EQ(other_names("tpm_alg_27"), "tpm_alg_27:invalidated");
}

TEST(OtherFillsTogether, AreThoseOfOneKernel) {
  EXPECT_EQ(ways_of("sha1,sha256"),
            (std::vector<std::string>{"sha1,sha256:padded-short", "sha1,sha256:padded", "sha1:invalidated,sha256",
                                      "sha1,sha256:invalidated", "sha1:invalidated,sha256:invalidated"}));
  EXPECT_EQ(ways_of("tpm_alg_27"), std::vector<std::string>{"tpm_alg_27:invalidated"});
  EXPECT_EQ(ways_of("sha256:padded"), std::vector<std::string>{}) << "its fill was told";
  EXPECT_EQ(ways_of("sha256,sha384,sha512").size(), 1u + 7u + 7u);
}

TEST(OtherFills, OfABankWhoseFillWasToldAreNone) {
  EXPECT_EQ(other_names("sha256:padded"), "");
  EXPECT_EQ(other_names("tpm_alg_27:invalidated"), "");
}

TEST(FillText, NamesTheKernelsThatExtendSo) {
  EXPECT_EQ(fill_text(test::bank("sha256")), "");
  EXPECT_EQ(fill_text(test::bank("sha256:padded-short")), "padded sha1, as Linux before 5.8 does");
  EXPECT_EQ(fill_text(test::bank("sha384:padded")), "padded sha1, as Linux without that hash does");
  EXPECT_EQ(fill_text(test::bank("sha384:padded"), true), fill_text(test::bank("sha384:padded-short"), true));
}

}  // namespace extend_rule_test
}  // namespace imakeep::imalog
