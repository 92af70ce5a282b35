// SPDX-License-Identifier: Apache-2.0
#include "evidence/nonce.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace imakeep::evidence {
namespace nonce_test {

using ::testing::StartsWith;

constexpr std::uint64_t kNow = 1'800'000'000;
constexpr std::uint64_t kLifetime = 120;

NonceKey key(std::uint32_t id, std::uint8_t begin = 0) {
  NonceKey made = {.id = id, .secret = {}};
  for (std::uint8_t i = 0; i < 32; ++i) made.secret.push_back(static_cast<std::byte>(begin + i));
  return made;
}

const std::vector<NonceKey> kKeys = {key(6, 100), key(7)};
const NonceScope kScope = {.tenant = "tenant", .host = "host", .epoch = 5};

ChallengeNonce made_at(std::uint64_t now_unix_s) {
  std::array<std::byte, kTokenRandomBytes> random{};
  random.fill(std::byte{0xa5});
  return *make_nonce(kKeys[1], kScope, now_unix_s, random);
}

// "taken", or the error's message.
std::string checking(ByteView token, ByteView quoted, const NonceScope& scope = kScope, std::uint64_t now_unix_s = kNow,
                     std::uint64_t lifetime_s = kLifetime) {
  const auto checked = check_nonce(token, quoted, kKeys, scope, now_unix_s, lifetime_s);
  return checked ? "taken" : checked.error().message;
}

TEST(MakeNonce, IsTheHmacThatTheFormatPageNames) {
  const ChallengeNonce made = made_at(kNow);
  // Computed with Python's hmac.
  EXPECT_EQ(to_hex(made.token), "00000007000000006b49d200a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5");
  EXPECT_EQ(to_hex(made.nonce), "0e5dfd37dc4ecd6f6dbdb8941c74b46be23b9e86fc973ab4321fcbe993db9ab0");
}

TEST(MakeNonce, RefusesAShortKey) {
  NonceKey shorter = key(7);
  shorter.secret.pop_back();
  const std::array<std::byte, kTokenRandomBytes> random{};
  EXPECT_EQ(make_nonce(shorter, kScope, kNow, random).error().code, ErrorCode::kUsage);
  const ChallengeNonce made = made_at(kNow);
  const std::vector<NonceKey> keys = {shorter};
  EXPECT_EQ(check_nonce(made.token, made.nonce, keys, kScope, kNow, kLifetime).error().code, ErrorCode::kUsage);
}

TEST(CheckNonce, TakesItsOwnWithinItsLifetime) {
  const ChallengeNonce made = made_at(kNow);
  for (const std::uint64_t now : {kNow - kNonceSkewS, kNow, kNow + 1, kNow + kLifetime}) {
    EXPECT_EQ(checking(made.token, made.nonce, kScope, now), "taken") << now - kNow;
  }
}

TEST(CheckNonce, RefusesWhatIsTooOldOrOfTheFuture) {
  const ChallengeNonce made = made_at(kNow);
  EXPECT_THAT(checking(made.token, made.nonce, kScope, kNow + kLifetime + 1), StartsWith("nonce refused (expired): "));
  EXPECT_THAT(checking(made.token, made.nonce, kScope, ~std::uint64_t{0}), StartsWith("nonce refused (expired): "));
  EXPECT_THAT(checking(made.token, made.nonce, kScope, kNow - kNonceSkewS - 1), StartsWith("nonce refused (future): "));
  const ChallengeNonce last = made_at(~std::uint64_t{0});
  EXPECT_THAT(checking(last.token, last.nonce), StartsWith("nonce refused (future): "));
}

TEST(CheckNonce, RefusesAnotherTenantHostAndEpoch) {
  const ChallengeNonce made = made_at(kNow);
  const NonceScope others[] = {{.tenant = "tenan", .host = "host", .epoch = 5},
                               {.tenant = "tenant", .host = "hosu", .epoch = 5},
                               {.tenant = "tenant", .host = "host", .epoch = 6},
                               // The same characters, parted elsewhere.
                               {.tenant = "tenanth", .host = "ost", .epoch = 5},
                               {.tenant = "", .host = "tenanthost", .epoch = 5}};
  for (const NonceScope& other : others) {
    EXPECT_THAT(checking(made.token, made.nonce, other), StartsWith("nonce refused (foreign): "));
  }
}

TEST(CheckNonce, RefusesEveryFlippedBit) {
  const ChallengeNonce made = made_at(kNow);
  for (std::size_t bit = 0; bit < 8 * kTokenBytes; ++bit) {
    auto token = made.token;
    token[bit / 8] ^= std::byte{1} << bit % 8;
    EXPECT_THAT(checking(token, made.nonce), StartsWith(bit < 32 ? "nonce refused (" : "nonce refused (foreign): "));
  }
  for (std::size_t bit = 0; bit < 8 * kNonceBytes; ++bit) {
    auto nonce = made.nonce;
    nonce[bit / 8] ^= std::byte{1} << bit % 8;
    EXPECT_THAT(checking(made.token, nonce), StartsWith("nonce refused (foreign): "));
  }
}

TEST(CheckNonce, SaysForeignOfAStrangersNonceWhateverItsTime) {
  std::array<std::byte, kTokenRandomBytes> random{};
  const ChallengeNonce strange = *make_nonce(key(7, 50), kScope, kNow - 10 * kLifetime, random);
  EXPECT_THAT(checking(strange.token, strange.nonce), StartsWith("nonce refused (foreign): "));
}

TEST(CheckNonce, RefusesAnUnknownKeyAndOtherSizes) {
  std::array<std::byte, kTokenRandomBytes> random{};
  const ChallengeNonce unknown = *make_nonce(key(8), kScope, kNow, random);
  EXPECT_THAT(checking(unknown.token, unknown.nonce), StartsWith("nonce refused (unknown-key): "));
  const ChallengeNonce made = made_at(kNow);
  const ByteView token = made.token;
  const ByteView nonce = made.nonce;
  EXPECT_THAT(checking(token.first(kTokenBytes - 1), nonce), StartsWith("nonce refused (malformed): "));
  EXPECT_THAT(checking(token, nonce.first(kNonceBytes - 1)), StartsWith("nonce refused (malformed): "));
  EXPECT_THAT(checking({}, {}), StartsWith("nonce refused (malformed): "));
  EXPECT_THAT(checking(token, {}), StartsWith("nonce refused (malformed): "));
}

}  // namespace nonce_test
}  // namespace imakeep::evidence
