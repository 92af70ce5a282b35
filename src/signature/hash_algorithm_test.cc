// SPDX-License-Identifier: Apache-2.0
#include "signature/hash_algorithm.h"

#include <gtest/gtest.h>

namespace imakeep::signature {
namespace hash_algorithm_test {

TEST(HashAlgorithm, HasLinuxsNumberAndName) {
  const std::pair<std::uint8_t, std::string_view> known[] = {
      {0, "md4"},    {1, "md5"},          {2, "sha1"},         {3, "rmd160"},    {4, "sha256"},
      {5, "sha384"}, {6, "sha512"},       {7, "sha224"},       {13, "wp512"},    {16, "tgr192"},
      {17, "sm3"},   {18, "streebog256"}, {19, "streebog512"}, {20, "sha3-256"}, {22, "sha3-512"}};
  for (const auto& [number, name] : known) {
    ASSERT_TRUE(hash_from_number(number)) << name;
    EXPECT_EQ(info(*hash_from_number(number)).name, name);
    EXPECT_EQ(hash_from_name(name), hash_from_number(number));
  }
}

TEST(HashAlgorithm, HasNoOtherNumbersOrNames) {
  for (unsigned number = 23; number < 256; ++number) {
    EXPECT_FALSE(hash_from_number(static_cast<std::uint8_t>(number))) << number;
  }
  for (const std::string_view name : {"", "SHA256", "sha256:", "sha3_256", "sha-256"}) {
    EXPECT_FALSE(hash_from_name(name)) << name;
  }
}

TEST(HashAlgorithm, OfOpensslHasTheStatedSize) {
  std::size_t computed = 0;
  for (std::uint8_t number = 0; const auto algorithm = hash_from_number(number); ++number) {
    const auto digest = hash_of(*algorithm, {as_bytes("a"), as_bytes("bc")});
    EXPECT_EQ(digest.has_value(), can_hash(*algorithm));
    if (!digest) continue;
    ++computed;
    EXPECT_EQ(digest->size(), info(*algorithm).digest_bytes) << info(*algorithm).name;
  }
  EXPECT_GE(computed, 10u);
}

// FIPS 180-4's example "abc".
TEST(HashOf, IsOverAllPartsOneAfterTheOther) {
  EXPECT_EQ(to_hex(hash_of(HashAlgorithm::kSha256, {as_bytes("a"), as_bytes("bc")})->view()),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST(HashOf, IsEmptyForAHashThatOpensslLacks) {
  EXPECT_FALSE(can_hash(HashAlgorithm::kTiger192));
  EXPECT_FALSE(hash_of(HashAlgorithm::kTiger192, {as_bytes("abc")}));
}

}  // namespace hash_algorithm_test
}  // namespace imakeep::signature
