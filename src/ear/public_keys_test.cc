// SPDX-License-Identifier: Apache-2.0
#include "ear/public_keys.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "ear/signing_key.h"

namespace imakeep::ear {
namespace public_keys_test {

using ::testing::HasSubstr;

// The example of RFC 7517, A.1, whose thumbprint Debian's `jose jwk thp` gives too.
constexpr const char* kX = "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4";
constexpr const char* kY = "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM";
constexpr const char* kThumbprint = "cn-I_WNMClehiVp51i_0VpOENW1upEerA8sEam5hn-s";

std::string key(const std::string& more = "", const std::string& y = kY) {
  return R"({"kty":"EC","crv":"P-256","x":")" + std::string(kX) + R"(","y":")" + y + "\"" + more + "}";
}

std::string set_of(const std::string& keys) {
  return "{\"keys\":[" + keys + "]}";
}

std::string parsing(const std::string& jwks) {
  const auto keys = PublicKeys::parse(jwks);
  if (!keys) return keys.error().message;
  std::string ids;
  for (const PublicKey& each : keys->keys()) ids += each.id() + ' ';
  return ids;
}

TEST(PublicKeysParse, GivesAKeyWithoutIdItsThumbprint) {
  EXPECT_EQ(parsing(set_of(key())), std::string(kThumbprint) + ' ');
  EXPECT_EQ(parsing(set_of(key(R"(,"kid":"mine")"))), "mine ");
}

TEST(PublicKeysParse, IgnoresKeysOfOtherKindsAndUses) {
  const std::string others[] = {R"({"kty":"RSA","n":"AQAB","e":"AQAB"})",
                                R"({"kty":"EC","crv":"P-384","x":"","y":""})",
                                R"({"kty":"unheard"})",
                                "{}",
                                key(R"(,"use":"enc")"),
                                key(R"(,"alg":"ES512")"),
                                key(R"(,"key_ops":["sign"])"),
                                key(R"(,"key_ops":"verify")")};
  for (const std::string& other : others) {
    EXPECT_THAT(parsing(set_of(other)), HasSubstr("no key of P-256")) << other;
    EXPECT_EQ(parsing(set_of(other + "," + key(R"(,"kid":"k","use":"sig","alg":"ES256","key_ops":["verify"])"))), "k ");
  }
}

TEST(PublicKeysParse, RefusesPrivateAndSymmetricKeys) {
  for (const char* member : {"d", "p", "q", "dp", "dq", "qi", "oth", "k"}) {
    const std::string more = R"(,")" + std::string(member) + R"(":"AA")";
    EXPECT_THAT(parsing(set_of(key(more))), HasSubstr("the key is private"));
    // Also in a key that is not used.
    EXPECT_THAT(parsing(set_of(key() + R"(,{"kty":"oct")" + more + "}")), HasSubstr("key 2: " + std::string(member)));
  }
}

TEST(PublicKeysParse, RefusesKeysThatAreNotOfTheCurve) {
  EXPECT_THAT(parsing(set_of(key("", kX))), HasSubstr("no point of P-256"));
  EXPECT_THAT(parsing(set_of(key("", "AA"))), HasSubstr("y has 1 bytes instead of 32"));
  EXPECT_THAT(parsing(set_of(key("", std::string(kY) + "AA"))), HasSubstr("y"));
  EXPECT_THAT(parsing(set_of(key("", std::string(kY) + "="))), HasSubstr("y is no base64url"));
  EXPECT_THAT(parsing(set_of(key("", std::string(43, 'A')))), HasSubstr("no point of P-256"));
}

TEST(PublicKeysParse, RefusesWhatIsNoKeySet) {
  EXPECT_THAT(parsing("{}"), HasSubstr("keys is missing"));
  EXPECT_THAT(parsing("[]"), HasSubstr("not a JSON object"));
  EXPECT_THAT(parsing(R"({"keys":{}})"), HasSubstr("keys is no array"));
  EXPECT_THAT(parsing(set_of("1")), HasSubstr("key 1 is no object"));
  EXPECT_THAT(parsing(set_of("")), HasSubstr("no key of P-256"));
  EXPECT_THAT(parsing(set_of(key() + "," + key())), HasSubstr("kid is that of another key too"));
  EXPECT_THAT(parsing(set_of(key(R"(,"kid":7)"))), HasSubstr("kid is no text"));
  EXPECT_THAT(parsing(set_of(key(R"(,"x":"AA")"))), HasSubstr("there twice"));
  std::string many = key(R"(,"kid":"0")");
  for (int i = 1; i <= 64; ++i) many += "," + key(R"(,"kid":")" + std::to_string(i) + "\"");
  EXPECT_THAT(parsing(set_of(many)), HasSubstr("more than 64 keys"));
  EXPECT_THAT(parsing(set_of("") + std::string(kMostKeySetBytes, ' ')), HasSubstr("more than 65536 bytes"));
}

TEST(PublicKeysJson, IsReadAgainAndHoldsNoPrivateMember) {
  const auto signing = SigningKey::generate();
  ASSERT_TRUE(signing);
  const std::string json = PublicKeys({signing->public_key()}).to_json();
  EXPECT_EQ(parsing(json), signing->id() + ' ');
  EXPECT_EQ(json.find("\"d\""), std::string::npos);
}

}  // namespace public_keys_test
}  // namespace imakeep::ear
