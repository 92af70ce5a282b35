// SPDX-License-Identifier: Apache-2.0
#include "ear/key_set.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "ear/test_support.h"
#include "ear/token.h"

namespace imakeep::ear {
namespace key_set_test {

using ::testing::HasSubstr;

constexpr std::int64_t kLifetime = 300;

std::vector<std::string> ids(KeySet& set, std::int64_t now) {
  std::vector<std::string> ids;
  const PublicKeys published = set.published(now);
  for (const PublicKey& key : published.keys()) ids.push_back(key.id());
  return ids;
}

TEST(Rotate, KeepsTheOldKeyPublishedUntilItsLastTokenHasExpired) {
  const SigningKey first = *SigningKey::generate();
  const SigningKey second = *SigningKey::generate();
  KeySet set(first, kLifetime);
  EXPECT_EQ(ids(set, kTestNow), std::vector({first.id()}));
  set.announce(second);
  EXPECT_EQ(ids(set, kTestNow), std::vector({first.id(), second.id()}));
  EXPECT_EQ(set.current().id(), first.id());
  const std::string last = *set.sign(sample_ear(), Profile::kIetf);
  ASSERT_TRUE(set.rotate(kTestNow));
  EXPECT_EQ(set.current().id(), second.id());
  for (const std::int64_t now : {kTestNow, kTestNow + kLifetime, kTestNow + kLifetime + kClockSkewSeconds - 1}) {
    EXPECT_EQ(ids(set, now), std::vector({second.id(), first.id()}));
    EXPECT_TRUE(verify_token(last, set.published(now), {.profile = Profile::kIetf, .now_s = now}));
  }
  const std::int64_t end = kTestNow + kLifetime + kClockSkewSeconds;
  EXPECT_FALSE(verify_token(last, PublicKeys({first.public_key()}), {.profile = Profile::kIetf, .now_s = end}));
  EXPECT_EQ(ids(set, end), std::vector({second.id()}));
}

TEST(Rotate, RefusesWithoutANewKey) {
  const SigningKey key = *SigningKey::generate();
  KeySet set(key, kLifetime);
  EXPECT_FALSE(set.rotate(kTestNow));
  set.announce(key);
  EXPECT_FALSE(set.rotate(kTestNow));
  EXPECT_EQ(ids(set, kTestNow), std::vector({key.id()}));
}

TEST(Rotate, KnowsTheOldKeysOfEarlierRuns) {
  KeySet set(*SigningKey::generate(), kLifetime);
  set.announce(*SigningKey::generate());
  ASSERT_TRUE(set.rotate(kTestNow));
  KeySet again(set.current(), kLifetime, set.old_keys());
  EXPECT_EQ(ids(again, kTestNow), ids(set, kTestNow));
}

TEST(Sign, RefusesATokenThatOutlivesItsKey) {
  const KeySet set(*SigningKey::generate(), kLifetime);
  Ear ear = sample_ear();
  EXPECT_TRUE(set.sign(ear, Profile::kIetf));
  ear.expires_at_s = ear.issued_at_s + kLifetime + 1;
  EXPECT_THAT(set.sign(ear, Profile::kIetf).error().message, HasSubstr("longer than the 300 s"));
  ear.expires_at_s.reset();
  EXPECT_THAT(set.sign(ear, Profile::kIetf).error().message, HasSubstr("must expire"));
}

TEST(Sign, RefusesATokenThatNobodyWouldTake) {
  const KeySet set(*SigningKey::generate(), kLifetime);
  Ear ear = sample_ear();
  ear.appraisals[0].proof->policies.assign(1000, {.id = std::string(100, 'x')});
  EXPECT_THAT(set.sign(ear, Profile::kIetf).error().message, HasSubstr("more than 65536 bytes"));
}

TEST(ParsePem, ReadsWhatPemWrote) {
  const SigningKey key = *SigningKey::generate();
  const auto again = SigningKey::parse_pem(as_bytes(key.pem()), "key.pem");
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_EQ(again->id(), key.id());
  EXPECT_THAT(key.pem(), HasSubstr("BEGIN PRIVATE KEY"));
}

TEST(ParsePem, NamesTheFileAndWhatIsWrong) {
  const auto error = [](const std::string& text) {
    const auto key = SigningKey::parse_pem(as_bytes(text), "key.pem");
    return key ? "read" : key.error().message;
  };
  EXPECT_THAT(error(""), HasSubstr("key.pem: no private key in PEM"));
  EXPECT_THAT(error("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"), HasSubstr("no private key"));
  EXPECT_THAT(error("-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n"),
              HasSubstr("encrypted"));
  EXPECT_THAT(error(std::string(1 << 20, ' ')), HasSubstr("too large"));
}

}  // namespace key_set_test
}  // namespace imakeep::ear
