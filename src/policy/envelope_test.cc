// SPDX-License-Identifier: Apache-2.0
#include "policy/envelope.h"

#include <memory>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include "policy/test_support.h"

namespace imakeep::policy {
namespace envelope_test {

using ::testing::HasSubstr;
using ::testing::StartsWith;
using KeyPair = std::shared_ptr<EVP_PKEY>;

std::string base64(ByteView bytes) {
  std::string text((bytes.size() + 2) / 3 * 4 + 1, '\0');
  const int size =
      EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()),
                      reinterpret_cast<const unsigned char*>(bytes.data()), static_cast<int>(bytes.size()));
  text.resize(static_cast<std::size_t>(size));
  return text;
}

KeyPair ec_key(const char* curve = "P-256") {
  return {EVP_EC_gen(curve), EVP_PKEY_free};
}

KeyPair rsa_key(unsigned bits = 2048) {
  return {EVP_RSA_gen(bits), EVP_PKEY_free};
}

Bytes spki_of(const KeyPair& key) {
  unsigned char* der = nullptr;
  const int size = i2d_PUBKEY(key.get(), &der);
  const auto* const begin = reinterpret_cast<const std::byte*>(der);
  Bytes bytes(begin, begin + size);
  OPENSSL_free(der);
  return bytes;
}

Bytes certificate_of(const KeyPair& key) {
  const std::unique_ptr<X509, decltype(&X509_free)> made(X509_new(), X509_free);
  X509_set_pubkey(made.get(), key.get());
  X509_gmtime_adj(X509_getm_notBefore(made.get()), 0);
  X509_gmtime_adj(X509_getm_notAfter(made.get()), 60);
  X509_sign(made.get(), key.get(), EVP_sha256());
  unsigned char* der = nullptr;
  const int size = i2d_X509(made.get(), &der);
  const auto* const begin = reinterpret_cast<const std::byte*>(der);
  Bytes bytes(begin, begin + size);
  OPENSSL_free(der);
  return bytes;
}

Bytes signature_by(const KeyPair& key, ByteView bytes, const char* hash = "SHA256", int padding = 0) {
  const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(EVP_MD_CTX_new(), EVP_MD_CTX_free);
  EVP_PKEY_CTX* key_context = nullptr;
  EVP_DigestSignInit_ex(context.get(), &key_context, hash, nullptr, nullptr, key.get(), nullptr);
  if (padding != 0) EVP_PKEY_CTX_set_rsa_padding(key_context, padding);
  std::size_t size = 0;
  const auto* const data = reinterpret_cast<const unsigned char*>(bytes.data());
  EVP_DigestSign(context.get(), nullptr, &size, data, bytes.size());
  Bytes signature(size);
  EVP_DigestSign(context.get(), reinterpret_cast<unsigned char*>(signature.data()), &size, data, bytes.size());
  signature.resize(size);
  return signature;
}

// Both numbers of an ECDSA signature one after the other.
Bytes numbers_of(const Bytes& der, int half) {
  const auto* at = reinterpret_cast<const unsigned char*>(der.data());
  const std::unique_ptr<ECDSA_SIG, decltype(&ECDSA_SIG_free)> pair(
      d2i_ECDSA_SIG(nullptr, &at, static_cast<long>(der.size())), ECDSA_SIG_free);
  Bytes numbers(2 * static_cast<std::size_t>(half));
  auto* const out = reinterpret_cast<unsigned char*>(numbers.data());
  BN_bn2binpad(ECDSA_SIG_get0_r(pair.get()), out, half);
  BN_bn2binpad(ECDSA_SIG_get0_s(pair.get()), out + half, half);
  return numbers;
}

std::string envelope_of(const std::string& payload, const std::vector<Bytes>& signatures,
                        std::string_view type = kPolicyPayloadType) {
  std::string list;
  for (const Bytes& signature : signatures) {
    list += (list.empty() ? "" : ", ") + std::string(R"({"keyid": "k", "sig": ")") + base64(signature) + "\"}";
  }
  return R"({"payload": ")" + base64(as_bytes(payload)) + R"(", "payloadType": ")" + std::string(type) +
         R"(", "signatures": [)" + list + "]}";
}

Bytes signed_by(const KeyPair& key, const std::string& payload) {
  return signature_by(key, signed_bytes(kPolicyPayloadType, as_bytes(payload)));
}

std::vector<PolicyKey> policy_keys(const Bytes& file) {
  auto keys = PolicyKey::parse(file);
  EXPECT_TRUE(keys) << keys.error().message;
  return keys ? *keys : std::vector<PolicyKey>();
}

std::string error_with_keys(const std::string& file, const std::vector<PolicyKey>& keys) {
  const auto policy = parse_policy(as_bytes(file), Mode::kStrict, keys);
  return policy ? "accepted" : policy.error().message;
}

const std::string kPolicy = PolicyText{.release = "5"}.str();

TEST(SignedBytes, AreThoseOfTheProtocolsExample) {
  EXPECT_EQ(as_text(signed_bytes("http://example.com/HelloWorld", as_bytes("hello world"))),
            "DSSEv1 29 http://example.com/HelloWorld 11 hello world");
}

TEST(Envelope, IsOpenedWithoutKeysWhoeverSignedIt) {
  const std::string file = envelope_of(kPolicy, {Bytes(3)});
  const auto policy = parse_policy(as_bytes(file), Mode::kStrict);
  ASSERT_TRUE(policy) << policy.error().message;
  EXPECT_EQ(policy->rules.release, 5u);
  EXPECT_EQ(as_text(policy->payload), kPolicy);
  EXPECT_EQ(policy->source, digest::hash(digest::Algorithm::kSha256, as_bytes(kPolicy)));
}

TEST(Envelope, IsAcceptedBySignaturesOfEachKind) {
  const Bytes bytes = signed_bytes(kPolicyPayloadType, as_bytes(kPolicy));
  for (const char* curve : {"P-256", "P-384", "P-521"}) {
    const KeyPair key = ec_key(curve);
    const int half = curve[2] == '2' ? 32 : curve[2] == '3' ? 48 : 66;
    const Bytes der = signature_by(key, bytes);
    EXPECT_EQ(error_with_keys(envelope_of(kPolicy, {der}), policy_keys(spki_of(key))), "accepted") << curve;
    EXPECT_EQ(error_with_keys(envelope_of(kPolicy, {numbers_of(der, half)}), policy_keys(spki_of(key))), "accepted");
  }
  const KeyPair rsa = rsa_key();
  for (const int padding : {RSA_PKCS1_PADDING, RSA_PKCS1_PSS_PADDING}) {
    EXPECT_EQ(
        error_with_keys(envelope_of(kPolicy, {signature_by(rsa, bytes, "SHA256", padding)}), policy_keys(spki_of(rsa))),
        "accepted");
  }
  const KeyPair certified = ec_key();
  EXPECT_EQ(error_with_keys(envelope_of(kPolicy, {Bytes(70), signed_by(certified, kPolicy)}),
                            policy_keys(certificate_of(certified))),
            "accepted");
}

TEST(Envelope, IsRefusedUnlessOneOfTheKeysSignedIt) {
  const KeyPair key = ec_key();
  const auto keys = policy_keys(spki_of(key));
  const std::string altered = PolicyText{.release = "6"}.str();
  EXPECT_THAT(error_with_keys(envelope_of(altered, {signed_by(key, kPolicy)}), keys),
              StartsWith("/signatures: none of the policy's signatures (1)"));
  EXPECT_THAT(error_with_keys(envelope_of(kPolicy, {signed_by(ec_key(), kPolicy)}), keys), HasSubstr("none of the"));
  EXPECT_THAT(error_with_keys(envelope_of(kPolicy, {signed_by(rsa_key(), kPolicy)}), keys), HasSubstr("none of the"));
  // Signed, but as another type or without its frame.
  EXPECT_THAT(
      error_with_keys(envelope_of(kPolicy, {signature_by(key, signed_bytes("other", as_bytes(kPolicy)))}), keys),
      HasSubstr("none of the"));
  EXPECT_THAT(error_with_keys(envelope_of(kPolicy, {signature_by(key, as_bytes(kPolicy))}), keys),
              HasSubstr("none of the"));
  Bytes flipped = signed_by(key, kPolicy);
  flipped.back() ^= std::byte{1};
  EXPECT_THAT(error_with_keys(envelope_of(kPolicy, {flipped}), keys), HasSubstr("none of the"));
  EXPECT_EQ(error_with_keys(envelope_of(kPolicy, {flipped, signed_by(key, kPolicy)}), keys), "accepted");
}

TEST(Envelope, IsNeededWhereKeysAreGiven) {
  EXPECT_THAT(error_with_keys(kPolicy, policy_keys(spki_of(ec_key()))), StartsWith("(top): the policy is not signed"));
}

TEST(Envelope, RefusesAnotherShape) {
  const Bytes some(3);
  EXPECT_THAT(error_with_keys(envelope_of(kPolicy, {some}, "text/plain"), {}), StartsWith("/payloadType: "));
  EXPECT_THAT(error_with_keys(envelope_of(kPolicy, {}), {}), StartsWith("/signatures: the array is empty"));
  EXPECT_THAT(error_with_keys(envelope_of(kPolicy, std::vector<Bytes>(17, some)), {}),
              StartsWith("/signatures: there are more than 16"));
  EXPECT_THAT(error_with_keys(R"({"payload": "a", "payloadType": "x"})", {}), HasSubstr("\"signatures\" is missing"));
  EXPECT_THAT(
      error_with_keys(R"({"payload": "%", "payloadType": "application/vnd.keylime+json", "signatures": []})", {}),
      StartsWith("/payload: no base64"));
  EXPECT_THAT(error_with_keys(envelope_of(envelope_of(kPolicy, {some}), {some}), {}),
              StartsWith("/payload: an envelope in an envelope"));
  EXPECT_THAT(error_with_keys(envelope_of("{}", {some}), {}), HasSubstr("is missing"));
}

TEST(Envelope, LimitsThePolicyNotTheEnvelope) {
  const std::string file = envelope_of(kPolicy, {Bytes(3)});
  EXPECT_EQ(error_of(file, Mode::kStrict, {.most_bytes = kPolicy.size()}), "accepted");
  EXPECT_THAT(error_of(file, Mode::kStrict, {.most_bytes = kPolicy.size() - 1}), HasSubstr("are allowed; divide it"));
}

TEST(PolicyKey, RefusesOtherFilesAndKeys) {
  EXPECT_THAT(PolicyKey::parse(as_bytes("no key")).error().message, HasSubstr("DER, but neither a public key"));
  EXPECT_THAT(PolicyKey::parse(Bytes(kMostKeyFileBytes + 1)).error().message, HasSubstr("larger than"));
  EXPECT_THAT(PolicyKey::parse({}).error().message, HasSubstr("neither"));
  EXPECT_THAT(
      PolicyKey::parse(as_bytes("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n")).error().message,
      HasSubstr("neither"));
  EXPECT_EQ(PolicyKey::parse(spki_of(rsa_key(1024))).error().code, ErrorCode::kUnsupported);
  EXPECT_EQ(PolicyKey::parse(spki_of(ec_key("secp224r1"))).error().code, ErrorCode::kUnsupported);
  Bytes longer = spki_of(ec_key());
  longer.push_back(std::byte{0});
  EXPECT_EQ(PolicyKey::parse(longer).error().code, ErrorCode::kMalformed);
}

}  // namespace envelope_test
}  // namespace imakeep::policy
