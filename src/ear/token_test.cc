// SPDX-License-Identifier: Apache-2.0
// Tokens are checked against OpenSSL, which signs and verifies here without libcjose, and against Debian's `jose`.
#include "ear/token.h"

#include <memory>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>

#include "base/base64.h"
#include "base/text.h"
#include "ear/key_set.h"
#include "ear/test_support.h"
#include "support/programs.h"
#include "support/scratch_directory.h"

namespace imakeep::ear {
namespace token_test {

using test::must;
using test::must_run;
using ::testing::HasSubstr;
using ::testing::StartsWith;

using KeyPair = std::shared_ptr<EVP_PKEY>;
using Pair = std::unique_ptr<ECDSA_SIG, decltype(&ECDSA_SIG_free)>;

const unsigned char* data_of(ByteView bytes) {
  return reinterpret_cast<const unsigned char*>(bytes.data());
}

KeyPair openssl_key(const SigningKey& key) {
  const std::string pem = key.pem();
  const std::unique_ptr<BIO, decltype(&BIO_free)> bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())),
                                                      BIO_free);
  return {PEM_read_bio_PrivateKey(bio.get(), nullptr, nullptr, nullptr), EVP_PKEY_free};
}

// r and s of an ECDSA signature by OpenSSL, each with `half` bytes.
Bytes numbers_by(const KeyPair& key, std::string_view text, const char* hash = "SHA256", int half = 32) {
  const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(EVP_MD_CTX_new(), EVP_MD_CTX_free);
  EVP_DigestSignInit_ex(context.get(), nullptr, hash, nullptr, nullptr, key.get(), nullptr);
  std::size_t size = 0;
  EVP_DigestSign(context.get(), nullptr, &size, data_of(as_bytes(text)), text.size());
  std::vector<unsigned char> der(size);
  EVP_DigestSign(context.get(), der.data(), &size, data_of(as_bytes(text)), text.size());
  const unsigned char* at = der.data();
  const Pair pair(d2i_ECDSA_SIG(nullptr, &at, static_cast<long>(size)), ECDSA_SIG_free);
  Bytes numbers(2 * static_cast<std::size_t>(half));
  auto* const out = reinterpret_cast<unsigned char*>(numbers.data());
  BN_bn2binpad(ECDSA_SIG_get0_r(pair.get()), out, half);
  BN_bn2binpad(ECDSA_SIG_get0_s(pair.get()), out + half, half);
  return numbers;
}

bool verified_by_openssl(const KeyPair& key, const std::string& token) {
  const std::size_t dot = token.rfind('.');
  const Bytes numbers = must(from_base64url(std::string_view(token).substr(dot + 1)));
  const Pair pair(ECDSA_SIG_new(), ECDSA_SIG_free);
  ECDSA_SIG_set0(pair.get(), BN_bin2bn(data_of(numbers), 32, nullptr), BN_bin2bn(data_of(numbers) + 32, 32, nullptr));
  unsigned char* der = nullptr;
  const int size = i2d_ECDSA_SIG(pair.get(), &der);
  const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(EVP_MD_CTX_new(), EVP_MD_CTX_free);
  EVP_DigestVerifyInit_ex(context.get(), nullptr, "SHA256", nullptr, nullptr, key.get(), nullptr);
  const int verified =
      EVP_DigestVerify(context.get(), der, static_cast<std::size_t>(size), data_of(as_bytes(token)), dot);
  OPENSSL_free(der);
  return numbers.size() == 64 && verified == 1;
}

std::string encoded(std::string_view text) {
  return to_base64url(as_bytes(text));
}

class Token : public ::testing::Test {
 protected:
  std::string header(const std::string& more = "") const {
    return R"({"alg":"ES256","typ":"eat+jwt","kid":")" + key_.id() + "\"" + more + "}";
  }
  std::string claims(Profile profile = Profile::kIetf) const { return must(make_claims(sample_ear(), profile)); }
  // A token with these texts, signed by OpenSSL.
  std::string token(const std::string& header, const std::string& claims) const {
    const std::string text = encoded(header) + "." + encoded(claims);
    return text + "." + to_base64url(numbers_by(openssl_key(key_), text));
  }
  // "accepted", or the error's message.
  std::string checking(const std::string& token, TokenCheck check = {.profile = Profile::kIetf, .now_s = kTestNow}) {
    const auto ear = verify_token(token, keys_, check);
    return ear ? "accepted" : ear.error().message;
  }

  const SigningKey key_ = must(SigningKey::generate());
  const PublicKeys keys_ = PublicKeys({key_.public_key()});
};

std::string refusal(const std::string& reason) {
  return "token refused (" + reason + "): ";
}

TEST_F(Token, IsAcceptedInBothProfiles) {
  const KeySet set(key_, 300);
  for (const Profile profile : {Profile::kVeraison, Profile::kIetf}) {
    const std::string made = must(set.sign(sample_ear(), profile));
    EXPECT_EQ(checking(made, {.profile = profile, .now_s = kTestNow}), "accepted");
    EXPECT_TRUE(verified_by_openssl(openssl_key(key_), made));
    EXPECT_EQ(as_text(must(from_base64url(split(made, ".")[0]))), header());
  }
  EXPECT_EQ(checking(token(header(), claims())), "accepted");
}

// A number of a signature that begins with zeros must keep its 32 bytes. One in 128 signatures has such a number.
TEST_F(Token, HasASignatureOf64BytesAlways) {
  const KeyPair openssl = openssl_key(key_);
  for (int i = 0; i < 1500; ++i) {
    const std::string made = must(key_.sign("{}"));
    ASSERT_EQ(made.size() - made.rfind('.') - 1, 86u);
    ASSERT_TRUE(verified_by_openssl(openssl, made));
  }
}

TEST_F(Token, IsSignedAndCheckedBySeveralThreadsAtOnce) {
  std::vector<std::thread> threads;
  std::array<int, 4> accepted{};
  for (int& count : accepted) {
    threads.emplace_back([&] {
      for (int i = 0; i < 50; ++i) {
        const auto made = key_.sign(claims());
        if (made && verify_token(*made, keys_, {.profile = Profile::kIetf, .now_s = kTestNow})) ++count;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_THAT(accepted, ::testing::Each(50));
}

TEST_F(Token, IsRefusedIfItIsNotSigned) {
  EXPECT_THAT(checking(encoded(R"({"alg":"none"})") + "." + encoded(claims()) + "."), StartsWith(refusal("alg-none")));
  EXPECT_THAT(checking(token(R"({"alg":"none","typ":"eat+jwt","kid":")" + key_.id() + "\"}", claims())),
              StartsWith(refusal("alg-none")));
  EXPECT_THAT(checking(encoded(header()) + "." + encoded(claims()) + "."), StartsWith(refusal("signature-length")));
}

TEST_F(Token, IsRefusedWithAnotherAlgorithm) {
  for (const char* algorithm : {"ES512", "ES384", "RS256", "HS256", "EdDSA", "es256", "None", "NONE", "ES256 ", ""}) {
    EXPECT_THAT(
        checking(token(R"({"alg":")" + std::string(algorithm) + R"(","typ":"eat+jwt","kid":")" + key_.id() + "\"}",
                       claims())),
        StartsWith(refusal("algorithm")))
        << algorithm;
  }
  EXPECT_THAT(checking(token(R"({"typ":"eat+jwt"})", claims())), StartsWith(refusal("header")));
  EXPECT_THAT(checking(token(R"({"alg":["ES256"]})", claims())), StartsWith(refusal("header")));
}

// libcjose 0.6.2 checks the signature by the hash of the header, whatever the curve of the key is.
TEST_F(Token, IsRefusedIfThisKeySignedItByAnotherHash) {
  const std::string text =
      encoded(R"({"alg":"ES512","typ":"eat+jwt","kid":")" + key_.id() + "\"}") + "." + encoded(claims());
  const std::string made = text + "." + to_base64url(numbers_by(openssl_key(key_), text, "SHA512"));
  EXPECT_TRUE(key_.public_key().signed_token(made)) << "libcjose refuses it now: this test can go";
  EXPECT_THAT(checking(made), StartsWith(refusal("algorithm")));
}

// Key confusion: the public key, which everybody has, as the secret of an HMAC.
TEST_F(Token, IsRefusedIfThePublicKeyIsTheSecretOfAnHmac) {
  const std::string jwk = key_.public_key().to_json();
  unsigned char* der = nullptr;
  const int der_size = i2d_PUBKEY(openssl_key(key_).get(), &der);
  const std::string spki(reinterpret_cast<const char*>(der), static_cast<std::size_t>(der_size));
  OPENSSL_free(der);
  for (const std::string& secret : {jwk, keys_.to_json(), spki}) {
    const std::string text =
        encoded(R"({"alg":"HS256","typ":"eat+jwt","kid":")" + key_.id() + "\"}") + "." + encoded(claims());
    unsigned char mac[32];
    unsigned size = 0;
    HMAC(EVP_sha256(), secret.data(), static_cast<int>(secret.size()), data_of(as_bytes(text)), text.size(), mac,
         &size);
    EXPECT_THAT(checking(text + "." + to_base64url(std::as_bytes(std::span(mac)))), StartsWith(refusal("algorithm")));
  }
}

TEST_F(Token, IsRefusedWithACriticalHeader) {
  for (const char* more : {R"(,"crit":["exp"],"exp":0)", R"(,"crit":["alg"])", R"(,"crit":[])", R"(,"crit":null)",
                           R"(,"b64":false)", R"(,"crit":["b64"],"b64":false)"}) {
    EXPECT_THAT(checking(token(header(more), claims())), StartsWith(refusal("critical"))) << more;
  }
}

TEST_F(Token, IsRefusedWithoutItsTypeOrKey) {
  const std::string kid = R"(,"kid":")" + key_.id() + "\"";
  EXPECT_THAT(checking(token(R"({"alg":"ES256")" + kid + "}", claims())), StartsWith(refusal("type")));
  EXPECT_THAT(checking(token(R"({"alg":"ES256","typ":"JWT")" + kid + "}", claims())), StartsWith(refusal("type")));
  EXPECT_EQ(checking(token(R"({"alg":"ES256","typ":"application/EAT+jwt")" + kid + "}", claims())), "accepted");
  EXPECT_THAT(checking(token(R"({"alg":"ES256","typ":"eat+jwt"})", claims())), StartsWith(refusal("no-kid")));
  EXPECT_THAT(checking(token(R"({"alg":"ES256","typ":"eat+jwt","kid":1})", claims())), StartsWith(refusal("no-kid")));
  const std::string other = must(must(SigningKey::generate()).sign(claims()));
  EXPECT_THAT(checking(other), StartsWith(refusal("unknown-kid")));
}

// A key within the token is the sender's word.
TEST_F(Token, IsNotCheckedByAKeyThatItBrings) {
  const SigningKey strange = must(SigningKey::generate());
  const std::string text = encoded(header(",\"jwk\":" + strange.public_key().to_json())) + "." + encoded(claims());
  EXPECT_THAT(checking(text + "." + to_base64url(numbers_by(openssl_key(strange), text))),
              StartsWith(refusal("signature")));
  EXPECT_EQ(checking(token(header(",\"jku\":\"https://example.com\",\"x5c\":[\"AAAA\"]"), claims())), "accepted");
}

TEST_F(Token, IsRefusedAfterAnyChange) {
  const std::string good = token(header(), claims());
  int refused = 0;
  for (std::size_t i = 0; i < good.size(); ++i) {
    std::string bad = good;
    bad[i] = bad[i] == 'A' ? 'B' : 'A';
    if (checking(bad) != "accepted") ++refused;
  }
  EXPECT_EQ(refused, static_cast<int>(good.size()));
  for (std::size_t size = 0; size < good.size(); ++size) ASSERT_NE(checking(good.substr(0, size)), "accepted");
  EXPECT_THAT(checking(good + "."), StartsWith(refusal("not-compact")));
  EXPECT_THAT(checking(good + "="), StartsWith(refusal("base64")));
  EXPECT_THAT(checking(good + "\n"), StartsWith(refusal("base64")));
  EXPECT_THAT(checking(" " + good), StartsWith(refusal("base64")));
}

// libcjose 0.6.2 halves a signature of any length. So a zero before r and one before s do not change the numbers.
TEST_F(Token, IsRefusedWithASignatureOfAnotherLength) {
  const std::string text = encoded(header()) + "." + encoded(claims());
  const Bytes numbers = numbers_by(openssl_key(key_), text);
  Bytes longer(1, std::byte{0});
  longer.insert(longer.end(), numbers.begin(), numbers.begin() + 32);
  longer.push_back(std::byte{0});
  longer.insert(longer.end(), numbers.begin() + 32, numbers.end());
  const std::string padded = text + "." + to_base64url(longer);
  EXPECT_TRUE(key_.public_key().signed_token(padded)) << "libcjose refuses it now: this test can go";
  EXPECT_THAT(checking(padded), StartsWith(refusal("signature-length")));
  Bytes trailing = numbers;
  trailing.push_back(std::byte{0});
  EXPECT_THAT(checking(text + "." + to_base64url(trailing)), StartsWith(refusal("signature-length")));
}

TEST_F(Token, IsRefusedWithNumbersOutOfRange) {
  const std::string text = encoded(header()) + "." + encoded(claims());
  for (const std::byte fill : {std::byte{0}, std::byte{0xff}}) {
    Bytes numbers = numbers_by(openssl_key(key_), text);
    std::fill(numbers.begin() + 32, numbers.end(), fill);
    EXPECT_THAT(checking(text + "." + to_base64url(numbers)), StartsWith(refusal("signature")));
    std::fill(numbers.begin(), numbers.end(), fill);
    EXPECT_THAT(checking(text + "." + to_base64url(numbers)), StartsWith(refusal("signature")));
  }
}

// token.h says that a signature is not unique: n - s is as good as s.
TEST_F(Token, IsAcceptedWithEitherOfItsTwoSignatures) {
  const std::string text = encoded(header()) + "." + encoded(claims());
  Bytes numbers = numbers_by(openssl_key(key_), text);
  BIGNUM* order = nullptr;
  BN_hex2bn(&order, "FFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551");
  BIGNUM* const s = BN_bin2bn(data_of(numbers) + 32, 32, nullptr);
  BN_sub(s, order, s);
  BN_bn2binpad(s, reinterpret_cast<unsigned char*>(numbers.data()) + 32, 32);
  BN_free(s);
  BN_free(order);
  EXPECT_EQ(checking(text + "." + to_base64url(numbers)), "accepted");
}

TEST_F(Token, IsRefusedWithAHeaderThatTwoReadersReadDifferently) {
  EXPECT_THAT(checking(token(header(R"(,"alg":"none")"), claims())), StartsWith(refusal("header")));
  EXPECT_THAT(checking(token(header() + " x", claims())), StartsWith(refusal("header")));
  EXPECT_THAT(checking(token("[]", claims())), StartsWith(refusal("header")));
  EXPECT_THAT(checking(token(std::string("\xef\xbb\xbf") + "{\xff}", claims())), StartsWith(refusal("header")));
}

TEST_F(Token, IsRefusedIfItIsTooLarge) {
  EXPECT_THAT(checking(std::string(kMostTokenBytes + 1, 'A')), StartsWith(refusal("too-large")));
  EXPECT_THAT(checking(std::string(kMostTokenBytes, 'A')), StartsWith(refusal("not-compact")));
  EXPECT_THAT(checking(std::string(kMostTokenBytes, '.')), StartsWith(refusal("not-compact")));
  EXPECT_THAT(checking(""), StartsWith(refusal("not-compact")));
}

TEST_F(Token, IsRefusedInAnotherProfile) {
  EXPECT_THAT(checking(token(header(), claims(Profile::kVeraison))), StartsWith(refusal("profile")));
  EXPECT_THAT(checking(token(header(), claims()), {.profile = Profile::kVeraison, .now_s = kTestNow}),
              StartsWith(refusal("profile")));
}

TEST_F(Token, IsRefusedWithBadClaims) {
  EXPECT_THAT(checking(token(header(), edited(Profile::kIetf, R"("build")", R"("x":0,"build")"))),
              StartsWith(refusal("claims")));
  EXPECT_THAT(checking(token(header(), "null")), StartsWith(refusal("claims")));
}

TEST_F(Token, IsRefusedOutsideItsTime) {
  const std::string made = token(header(), claims());
  const auto at = [&](std::int64_t now) { return checking(made, {.profile = Profile::kIetf, .now_s = now}); };
  EXPECT_EQ(at(kTestNow + 300 + kClockSkewSeconds - 1), "accepted");
  EXPECT_THAT(at(kTestNow + 300 + kClockSkewSeconds), StartsWith(refusal("expired")));
  EXPECT_EQ(at(kTestNow - kClockSkewSeconds), "accepted");
  EXPECT_THAT(at(kTestNow - kClockSkewSeconds - 1), StartsWith(refusal("not-yet")));
  const std::string later = token(header(), edited(Profile::kIetf, R"("iat")", R"("nbf":1800000061,"iat")"));
  EXPECT_THAT(checking(later), StartsWith(refusal("not-yet")));
  EXPECT_EQ(checking(later, {.profile = Profile::kIetf, .now_s = kTestNow + 1}), "accepted");
  EXPECT_THAT(checking(token(header(), edited(Profile::kIetf, R"("iat")", R"("nbf":1.5,"iat")"))),
              StartsWith(refusal("claims")));
}

TEST_F(Token, WithoutExpiryIsAcceptedUpToTheGreatestAge) {
  const std::string made = token(header(), edited(Profile::kIetf, R"("exp":1800000300,)", ""));
  EXPECT_THAT(checking(made), StartsWith(refusal("no-expiry")));
  TokenCheck check = {.profile = Profile::kIetf, .now_s = kTestNow + 10, .most_age_s = 10};
  EXPECT_EQ(checking(made, check), "accepted");
  check.now_s += 1;
  EXPECT_THAT(checking(made, check), StartsWith(refusal("expired")));
}

TEST_F(Token, IsRefusedWithAnotherNonce) {
  const std::string made = token(header(), claims());
  TokenCheck check = {.profile = Profile::kIetf, .now_s = kTestNow, .nonce = "MDEyMzQ1Njc="};
  EXPECT_EQ(checking(made, check), "accepted");
  check.nonce = "MDEyMzQ1Njg=";
  EXPECT_THAT(checking(made, check), StartsWith(refusal("nonce")));
  const std::string without = token(header(), edited(Profile::kIetf, R"("eat_nonce":"MDEyMzQ1Njc=",)", ""));
  EXPECT_THAT(checking(without, check), StartsWith(refusal("nonce")));
}

// ---- Debian's jose, an implementation of its own

class Jose : public Token {
 protected:
  void SetUp() override {
    if (test::run("command -v jose").code != 0) GTEST_SKIP() << "jose is not installed (Debian: apt install jose)";
  }
  std::string file(const std::string& name, const std::string& text) const {
    test::write_file(scratch_.file(name), as_bytes(text));
    return scratch_.file(name);
  }

  const test::ScratchDirectory scratch_;
};

TEST_F(Jose, VerifiesWhatWeSigned) {
  const KeySet set(key_, 300);
  const std::string jwks = file("jwks", keys_.to_json());
  for (const Profile profile : {Profile::kVeraison, Profile::kIetf}) {
    const std::string made = must(set.sign(sample_ear(), profile));
    EXPECT_EQ(must_run("jose jws ver -i " + file("token", made) + " -k " + jwks + " -O -"), claims(profile));
  }
  std::string altered = must(set.sign(sample_ear(), Profile::kIetf));
  altered[altered.size() / 2] = altered[altered.size() / 2] == 'A' ? 'B' : 'A';
  EXPECT_NE(test::run("jose jws ver -i " + file("token", altered) + " -k " + jwks).code, 0);
}

TEST_F(Jose, GivesTheSameThumbprint) {
  EXPECT_EQ(must_run("jose jwk thp -i " + file("jwk", key_.public_key().to_json())), key_.id());
}

TEST_F(Jose, SignsWhatWeVerify) {
  const std::string pair = scratch_.file("pair");
  must_run("jose jwk gen -i '{\"alg\":\"ES256\"}' -o " + pair);
  const std::string id = must_run("jose jwk thp -i " + pair);
  const std::string payload = file("payload", claims());
  const std::string sign = "jose jws sig -c -I " + payload + " -k " + pair + " -s '{\"protected\":{\"alg\":\"ES256\",";
  const std::string made = must_run(sign + "\"typ\":\"eat+jwt\",\"kid\":\"" + id + "\"}}' -o -");
  // Its key has no "kid", and key_ops that allow to verify.
  const auto keys = PublicKeys::parse("{\"keys\":[" + must_run("jose jwk pub -i " + pair + " -o -") + "]}");
  ASSERT_TRUE(keys) << keys.error().message;
  const auto ear = verify_token(trimmed(made), *keys, {.profile = Profile::kIetf, .now_s = kTestNow});
  ASSERT_TRUE(ear) << ear.error().message;
  EXPECT_EQ(*ear, sample_ear());
  EXPECT_THAT(PublicKeys::parse("{\"keys\":[" + must_run("cat " + pair) + "]}").error().message,
              HasSubstr("the key is private"));
}

TEST_F(Jose, SignsByTheKeyThatWeRead) {
  // openssl ecparam writes SEC1 with the curve before it; genpkey writes PKCS#8.
  for (const char* command :
       {"openssl ecparam -name prime256v1 -genkey", "openssl ecparam -name prime256v1 -genkey -noout",
        "openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256"}) {
    const auto key = SigningKey::parse_pem(as_bytes(must_run(command)), "key.pem");
    ASSERT_TRUE(key) << key.error().message;
    EXPECT_EQ(must_run("jose jwk thp -i " + file("jwk", key->public_key().to_json())), key->id());
    const std::string token = file("token", must(key->sign("{}")));
    EXPECT_EQ(must_run("jose jws ver -i " + token + " -k " + scratch_.file("jwk") + " -O -"), "{}");
  }
  for (const char* command : {"openssl ecparam -name secp384r1 -genkey", "openssl genpkey -algorithm ED25519"}) {
    const auto key = SigningKey::parse_pem(as_bytes(must_run(command)), "key.pem");
    EXPECT_THAT(key.error().message, HasSubstr("not one of the curve P-256")) << command;
  }
  const std::string encrypted = "openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -aes256 -pass pass:x";
  EXPECT_THAT(SigningKey::parse_pem(as_bytes(must_run(encrypted)), "key.pem").error().message, HasSubstr("encrypted"));
}

}  // namespace token_test
}  // namespace imakeep::ear
