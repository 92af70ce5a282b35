// SPDX-License-Identifier: Apache-2.0
#include "verifier/key_ring.h"

#include <gtest/gtest.h>

#include "ear/token.h"
#include "support/test_service.h"

namespace imakeep::verifier {
namespace key_ring_test {

using test::good;

constexpr std::int64_t kNow = 1'790'000'000;

class KeyRingTest : public testing::Test {
 protected:
  KeyRing ring() {
    return {faulty, [this](std::span<std::byte> room) { std::ranges::fill(room, std::byte(++fill)); }};
  }
  std::size_t published(KeyRing& of, std::int64_t now) {
    const std::string text = good(of.published(now));
    std::size_t count = 0;
    for (std::size_t at = text.find("\"kty\""); at != std::string::npos; at = text.find("\"kty\"", at + 1)) ++count;
    return count;
  }

  vstore::MemoryStore store;
  vstore::FaultyStore faulty{store};
  std::uint8_t fill = 0;
};

TEST_F(KeyRingTest, MakesOneKeyOfEachKindAtItsFirstStart) {
  KeyRing first = ring();
  ASSERT_TRUE(first.begin(kNow));
  EXPECT_EQ(good(store.keys()).size(), 2u);
  KeyRing second = ring();
  ASSERT_TRUE(second.begin(kNow));
  EXPECT_EQ(good(store.keys()).size(), 2u);
  EXPECT_EQ(good(second.nonce_key(kNow)).secret, good(first.nonce_key(kNow)).secret);
  EXPECT_EQ(good(second.published(kNow)), good(first.published(kNow)));
}

TEST_F(KeyRingTest, UsesTheNewKeysAfterARotationAndAcceptsTheOldOnesForTheOverlap) {
  KeyRing keys = ring();
  ASSERT_TRUE(keys.begin(kNow));
  const auto old = good(keys.nonce_key(kNow));
  ASSERT_TRUE(keys.rotate(kNow + 10, 100));
  const auto next = good(keys.nonce_key(kNow + 10));
  EXPECT_EQ(next.id, old.id + 1);
  EXPECT_NE(next.secret, old.secret);
  EXPECT_EQ(published(keys, kNow + 10), 2u);
  EXPECT_EQ(good(keys.nonce_keys(old.id, kNow + 109)).size(), 2u);
  // The old keys retire at kNow + 110, and the ring reads the store again within a minute.
  EXPECT_EQ(published(keys, kNow + 169), 1u);
  EXPECT_EQ(good(keys.nonce_keys(old.id, kNow + 169)).size(), 1u);
}

TEST_F(KeyRingTest, ReadsTheKeysAgainAfterTheClockWasSetBack) {
  KeyRing one = ring();
  KeyRing other = ring();
  ASSERT_TRUE(one.begin(kNow + 1000));
  ASSERT_TRUE(other.begin(kNow));
  ASSERT_TRUE(other.rotate(kNow, 100));
  EXPECT_EQ(published(one, kNow + 30), 2u);
}

TEST_F(KeyRingTest, KeepsTheTimeAtWhichAKeyRetiresAlready) {
  KeyRing keys = ring();
  ASSERT_TRUE(keys.begin(kNow));
  ASSERT_TRUE(keys.rotate(kNow, 100));
  ASSERT_TRUE(keys.rotate(kNow + 1, 5000));
  for (const auto& row : good(store.keys())) {
    if (row.id == 1) {
      EXPECT_EQ(row.retires_unix_s, kNow + 100);
    }
    if (row.id == 2) {
      EXPECT_EQ(row.retires_unix_s, kNow + 5001);
    }
    if (row.id == 3) {
      EXPECT_EQ(row.retires_unix_s, std::nullopt);
    }
  }
}

TEST_F(KeyRingTest, FindsTheKeyOfAnotherProcessWhenANonceNamesIt) {
  KeyRing one = ring();
  KeyRing other = ring();
  ASSERT_TRUE(one.begin(kNow));
  ASSERT_TRUE(other.begin(kNow));
  ASSERT_TRUE(other.rotate(kNow, 1000));
  const auto id = good(other.nonce_key(kNow)).id;
  EXPECT_EQ(good(one.nonce_keys(id, kNow)).front().id, id);
  // From now on it is used too.
  EXPECT_EQ(good(one.nonce_key(kNow)).id, id);
}

TEST_F(KeyRingTest, DoesNotAskTheStoreForIdsThatNoKeyMayHave) {
  KeyRing keys = ring();
  ASSERT_TRUE(keys.begin(kNow));
  const auto calls = faulty.calls();
  EXPECT_TRUE(keys.nonce_keys(77, kNow));
  EXPECT_TRUE(keys.nonce_keys(0, kNow));
  EXPECT_EQ(faulty.calls(), calls);
}

TEST_F(KeyRingTest, GoesOnWithKnownKeysWhileTheStoreIsAway) {
  KeyRing keys = ring();
  ASSERT_TRUE(keys.begin(kNow));
  faulty.fail_from(0);
  EXPECT_TRUE(keys.nonce_key(kNow + 3600));
  EXPECT_TRUE(keys.result_key(kNow + 3600));
  KeyRing fresh = ring();
  EXPECT_EQ(fresh.nonce_key(kNow).error().code, ErrorCode::kEnvironment);
}

TEST_F(KeyRingTest, RefusesAStoreWithoutAKeyThatCounts) {
  KeyRing keys = ring();
  const auto none = keys.nonce_key(kNow);
  ASSERT_FALSE(none);
  EXPECT_NE(none.error().message.find("keys rotate"), std::string::npos) << none.error().message;
  // A start makes new ones if all have retired.
  ASSERT_TRUE(keys.begin(kNow));
  for (const auto& row : good(store.keys())) ASSERT_TRUE(store.retire_key(row.kind, row.id, kNow + 5));
  KeyRing later = ring();
  ASSERT_TRUE(later.begin(kNow + 5));
  EXPECT_EQ(good(later.nonce_key(kNow + 5)).id, 2u);
}

TEST_F(KeyRingTest, AFailedRotationLeavesTheKeysUsable) {
  for (const auto point : {vstore::FaultPoint::kBeforeEffect, vstore::FaultPoint::kAfterEffect}) {
    for (std::uint64_t call = 0; call < 6; ++call) {
      vstore::MemoryStore inner;
      vstore::FaultyStore store_of(inner);
      KeyRing keys(store_of, [this](std::span<std::byte> room) { std::ranges::fill(room, std::byte(++fill)); });
      ASSERT_TRUE(keys.begin(kNow));
      store_of.fail_at(store_of.calls() + call, point);
      const bool rotated = keys.rotate(kNow, 100).has_value();
      // The last call reads the keys again: the ring goes on with those that it knows.
      EXPECT_TRUE(call == 5 || !rotated) << call;
      store_of.fail_never();
      EXPECT_TRUE(keys.nonce_key(kNow + 61)) << call;
      EXPECT_TRUE(keys.result_key(kNow + 61)) << call;
    }
  }
}

}  // namespace key_ring_test
}  // namespace imakeep::verifier
