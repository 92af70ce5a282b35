// SPDX-License-Identifier: Apache-2.0
#include "mlist/digest_table.h"

#include <set>
#include <utility>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "imalog/test_support.h"

namespace imakeep::mlist {
namespace digest_table_test {

digest::Digest digest_of(std::uint64_t number, digest::Algorithm algorithm = digest::Algorithm::kSha256) {
  return digest::hash(algorithm, as_bytes(std::to_string(number)));
}

TEST(DigestTable, IsEmptyAtFirstAndTakesNoMemory) {
  const DigestTable table;
  EXPECT_FALSE(table.contains(digest_of(0), 10));
  EXPECT_EQ(table.entries(), 0u);
  EXPECT_EQ(table.memory_bytes(), 0u);
}

TEST(DigestTable, TellsPcrsApart) {
  DigestTable table;
  ASSERT_TRUE(table.insert(digest_of(1), 10));
  EXPECT_TRUE(table.contains(digest_of(1), 10));
  EXPECT_FALSE(table.contains(digest_of(1), 11));
  EXPECT_FALSE(table.contains(digest_of(2), 10));
}

TEST(DigestTable, FindsEveryEntryWhileItGrows) {
  constexpr std::uint32_t kEntries = 40'000;  // several blocks of entries and of buckets
  DigestTable table;
  for (std::uint32_t i = 0; i < kEntries; ++i) ASSERT_TRUE(table.insert(digest_of(i), i % 24));
  EXPECT_EQ(table.entries(), kEntries);
  for (std::uint32_t i = 0; i < kEntries; ++i) {
    ASSERT_TRUE(table.contains(digest_of(i), i % 24)) << i;
    ASSERT_FALSE(table.contains(digest_of(i), (i + 1) % 24)) << i;
    ASSERT_FALSE(table.contains(digest_of(kEntries + i), i % 24)) << i;
  }
}

TEST(DigestTable, TakesFortyBytesAnEntry) {
  constexpr std::uint32_t kEntries = 1u << 15;
  DigestTable table;
  for (std::uint32_t i = 0; i < kEntries; ++i) ASSERT_TRUE(table.insert(digest_of(i), 10));
  EXPECT_EQ(table.memory_bytes(), 40u * kEntries);
}

TEST(DigestTable, TakesDigestsOfEverySize) {
  for (const auto algorithm : {digest::Algorithm::kSha1, digest::Algorithm::kSha384, digest::Algorithm::kSha512}) {
    DigestTable table;
    for (std::uint32_t i = 0; i < 100; ++i) ASSERT_TRUE(table.insert(digest_of(i, algorithm), 10));
    for (std::uint32_t i = 0; i < 100; ++i) ASSERT_TRUE(table.contains(digest_of(i, algorithm), 10));
    EXPECT_FALSE(table.contains(digest_of(100, algorithm), 10));
  }
}

RC_GTEST_PROP(DigestTableProperty, HoldsWhatASetHolds, ()) {
  DigestTable table;
  std::set<std::pair<std::string, std::uint32_t>> model;
  // Digests that differ in few bits, so that buckets collide and split in every way.
  const auto keys = *rc::gen::container<std::vector<std::pair<std::uint32_t, std::uint32_t>>>(
      rc::gen::pair(rc::gen::inRange<std::uint32_t>(0, 64), imalog::test::any_pcr()));
  for (const auto& [bits, pcr] : keys) {
    Bytes bytes(32);
    store(bytes.data(), bits & 15u);
    store(bytes.data() + 28, bits >> 4);
    const digest::Digest digest{ByteView(bytes)};
    const bool known = model.contains({std::string(as_text(bytes)), pcr});
    RC_ASSERT(table.contains(digest, pcr) == known);
    if (!known) RC_ASSERT(table.insert(digest, pcr));
    model.insert({std::string(as_text(bytes)), pcr});
    RC_ASSERT(table.entries() == model.size());
  }
  for (const auto& [bytes, pcr] : model) RC_ASSERT(table.contains(digest::Digest(as_bytes(bytes)), pcr));
}

}  // namespace digest_table_test
}  // namespace imakeep::mlist
