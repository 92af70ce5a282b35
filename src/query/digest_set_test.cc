// SPDX-License-Identifier: Apache-2.0
#include "query/digest_set.h"

#include <set>

#include <gtest/gtest.h>

#include "digest/digest.h"

namespace imakeep::query {
namespace digest_set_test {

Bytes digest_number(std::uint64_t number) {
  Bytes bytes;
  append_int(bytes, number);
  bytes.resize(32);
  return bytes;
}

TEST(DigestSet, KnowsEachDigestAfterItsFirstSight) {
  DigestSet set;
  for (int round = 0; round < 2; ++round) {
    for (std::uint64_t i = 0; i < 20'000; ++i) {
      EXPECT_EQ(set.add("", "sha256", digest_number(i)), round == 0 ? Sight::kFirst : Sight::kAgain);
    }
  }
  EXPECT_EQ(set.size(), 20'000u);
}

TEST(DigestSet, TellsTypesAndAlgorithmsApart) {
  DigestSet set;
  const Bytes digest(20, std::byte{1});
  EXPECT_EQ(set.add("", "sha1", digest), Sight::kFirst);
  EXPECT_EQ(set.add("", "rmd160", digest), Sight::kFirst);
  EXPECT_EQ(set.add("verity", "sha1", digest), Sight::kFirst);
  EXPECT_EQ(set.add("", "sha1", digest), Sight::kAgain);
  EXPECT_EQ(set.add("", "sha1", {}), Sight::kNone);
}

TEST(DigestSet, KeepsDigestsOfAnyLength) {
  DigestSet set;
  for (const std::size_t size : {1u, 64u, 120u, 121u, 122u, 123u, 128u, 1000u}) {
    Bytes digest(size, std::byte{7});
    EXPECT_EQ(set.add("", "sha256", digest), Sight::kFirst) << size;
    EXPECT_EQ(set.add("", "sha256", digest), Sight::kAgain) << size;
    digest.back() = std::byte{8};
    EXPECT_EQ(set.add("", "sha256", digest), Sight::kFirst) << size;
  }
}

TEST(DigestSet, SaysThatItDoesNotKnowOnceItIsFull) {
  DigestSet set(3);
  for (std::uint64_t i = 0; i < 3; ++i) EXPECT_EQ(set.add("", "sha256", digest_number(i)), Sight::kFirst);
  EXPECT_TRUE(set.full());
  EXPECT_EQ(set.add("", "sha256", digest_number(3)), Sight::kUnknown);
  EXPECT_EQ(set.add("", "sha256", digest_number(2)), Sight::kAgain);
  EXPECT_EQ(DigestSet(0).add("", "sha256", digest_number(0)), Sight::kUnknown);
}

}  // namespace digest_set_test
}  // namespace imakeep::query
