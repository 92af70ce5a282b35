// SPDX-License-Identifier: Apache-2.0
#include "attest/quote_check.h"

#include <gtest/gtest.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include "attest/test_support.h"
#include "base/file.h"

// Quotes that a TPM signs under each scheme are checked end to end in tests/e2e/quote.sh.
namespace imakeep::attest {
namespace quote_check_test {

using test::captured_quote;
using test::must;
using test::only_key;

// ---- captures -------------------------------------------------------------------------------------------------------

TEST(CheckQuote, AcceptsEveryCapturedQuoteWithItsNonceAndEitherFormOfTheKey) {
  for (const char* const folder : test::kQuotes) {
    const auto captured = captured_quote(folder);
    for (const char* const file : {"ak.pem", "ak.tpmt"}) {
      const auto key = only_key(test::captured(folder, file));
      EXPECT_EQ(key.name(), "ECDSA P-256");
      EXPECT_FALSE(key.rsa());
      const auto checked = check_quote(captured.quote, {{captured.signature, key}}, captured.nonce);
      EXPECT_TRUE(checked) << folder << " " << file;
      EXPECT_TRUE(check_quote(captured.quote, {{captured.signature, key}}, std::nullopt));
    }
  }
}

TEST(CheckQuote, RefusesTheKeyOfAnotherTpm) {
  const auto captured = captured_quote("templates/quote-mid");
  const auto checked =
      check_quote(captured.quote, {{captured.signature, captured_quote("kexec/quote-second").key}}, captured.nonce);
  ASSERT_FALSE(checked);
  EXPECT_EQ(checked.error().code, ErrorCode::kMismatch);
  EXPECT_EQ(checked.error().message, "the signature is not by this key, or the quote was altered");
}

TEST(CheckQuote, RefusesAnotherNonce) {
  const auto captured = captured_quote("templates/quote-mid");
  for (const char* const nonce : {"", "00", "0102030405060708090a0b0c0d0e0f", "0102030405060708090a0b0c0d0e0f1000"}) {
    const auto checked = check_quote(captured.quote, {{captured.signature, captured.key}}, *from_hex(nonce));
    ASSERT_FALSE(checked) << nonce;
    EXPECT_EQ(checked.error().code, ErrorCode::kMismatch);
    EXPECT_EQ(checked.error().message, "the nonce differs: the quote answers another request, or is an old one");
  }
}

// ---- every scheme, signed here
// ---------------------------------------------------------------------------------------

struct Signer {
  std::shared_ptr<EVP_PKEY> pair;

  static Signer rsa(unsigned int bits) { return {{EVP_RSA_gen(bits), EVP_PKEY_free}}; }
  static Signer ec(const char* curve) { return {{EVP_EC_gen(curve), EVP_PKEY_free}}; }

  Bytes pem() const {
    BIO* const bio = BIO_new(BIO_s_mem());
    PEM_write_bio_PUBKEY(bio, pair.get());
    char* text = nullptr;
    const long size = BIO_get_mem_data(bio, &text);
    const Bytes bytes(reinterpret_cast<std::byte*>(text), reinterpret_cast<std::byte*>(text) + size);
    BIO_free(bio);
    return bytes;
  }

  Bytes der() const {
    unsigned char* der = nullptr;
    const int size = i2d_PUBKEY(pair.get(), &der);
    const auto* const begin = reinterpret_cast<const std::byte*>(der);
    const Bytes bytes(begin, begin + size);
    OPENSSL_free(der);
    return bytes;
  }

  Bytes sign(ByteView message, const char* hash, int padding = 0, int salt = RSA_PSS_SALTLEN_MAX) const {
    const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(EVP_MD_CTX_new(), EVP_MD_CTX_free);
    EVP_PKEY_CTX* key = nullptr;
    EVP_DigestSignInit_ex(context.get(), &key, hash, nullptr, nullptr, pair.get(), nullptr);
    if (padding != 0) EVP_PKEY_CTX_set_rsa_padding(key, padding);
    if (padding == RSA_PKCS1_PSS_PADDING) EVP_PKEY_CTX_set_rsa_pss_saltlen(key, salt);
    std::size_t size = 1024;
    Bytes signature(size);
    EVP_DigestSign(context.get(), reinterpret_cast<unsigned char*>(signature.data()), &size,
                   reinterpret_cast<const unsigned char*>(message.data()), message.size());
    signature.resize(size);
    return signature;
  }

  tpm::Signature ecdsa(ByteView message, digest::Algorithm hash) const {
    const Bytes der = sign(message, digest::info(hash).openssl_name.data());
    const auto* at = reinterpret_cast<const unsigned char*>(der.data());
    ECDSA_SIG* const numbers = d2i_ECDSA_SIG(nullptr, &at, static_cast<long>(der.size()));
    tpm::Signature signature{.scheme = tpm::SignatureScheme::kEcdsa, .hash = hash};
    for (auto& [number, bytes] :
         {std::pair{ECDSA_SIG_get0_r(numbers), &signature.r}, std::pair{ECDSA_SIG_get0_s(numbers), &signature.s}}) {
      bytes->resize(static_cast<std::size_t>(BN_num_bytes(number)));
      BN_bn2bin(number, reinterpret_cast<unsigned char*>(bytes->data()));
    }
    ECDSA_SIG_free(numbers);
    return signature;
  }
};

tpm::Quote any_quote() {
  return captured_quote("templates/quote-mid").quote;
}

void expect_good_and_altered_refused(const tpm::Signature& signature, const Bytes& pem, const std::string& name) {
  const auto key = only_key(pem);
  EXPECT_EQ(key.name(), name);
  tpm::Quote quote = any_quote();
  EXPECT_TRUE(check_signature(quote, signature, key)) << name;
  quote.signed_bytes.back() ^= std::byte{1};
  const auto altered = check_signature(quote, signature, key);
  ASSERT_FALSE(altered) << name;
  EXPECT_EQ(altered.error().message, "the signature is not by this key, or the quote was altered");
}

TEST(CheckSignature, TakesEcdsaOverEveryNistCurve) {
  const std::pair<const char*, const char*> curves[] = {
      {"P-224", "ECDSA P-224"}, {"P-256", "ECDSA P-256"}, {"P-384", "ECDSA P-384"}, {"P-521", "ECDSA P-521"}};
  for (const auto& [curve, name] : curves) {
    const Signer signer = Signer::ec(curve);
    for (const auto hash : {digest::Algorithm::kSha256, digest::Algorithm::kSha512}) {
      expect_good_and_altered_refused(signer.ecdsa(any_quote().signed_bytes, hash), signer.pem(), name);
    }
  }
}

TEST(CheckSignature, TakesRsaWithBothPaddingsAndAnyLengthOfSalt) {
  const Signer signer = Signer::rsa(2048);
  const Bytes message = any_quote().signed_bytes;
  tpm::Signature signature{.scheme = tpm::SignatureScheme::kRsaSsa, .hash = digest::Algorithm::kSha384};
  signature.rsa = signer.sign(message, "SHA384", RSA_PKCS1_PADDING);
  expect_good_and_altered_refused(signature, signer.pem(), "RSA 2048");
  signature.scheme = tpm::SignatureScheme::kRsaPss;
  for (const int salt : {RSA_PSS_SALTLEN_MAX, RSA_PSS_SALTLEN_DIGEST}) {
    signature.rsa = signer.sign(message, "SHA384", RSA_PKCS1_PSS_PADDING, salt);
    expect_good_and_altered_refused(signature, signer.pem(), "RSA 2048");
  }
}

TEST(CheckSignature, OfOnePaddingIsNoneOfTheOther) {
  const Signer signer = Signer::rsa(2048);
  const auto key = only_key(signer.pem());
  tpm::Signature signature{.scheme = tpm::SignatureScheme::kRsaPss};
  signature.rsa = signer.sign(any_quote().signed_bytes, "SHA256", RSA_PKCS1_PADDING);
  EXPECT_FALSE(check_signature(any_quote(), signature, key));
}

TEST(CheckSignature, OverAnotherHashThanItSaysIsRefused) {
  const Signer signer = Signer::ec("P-256");
  tpm::Signature signature = signer.ecdsa(any_quote().signed_bytes, digest::Algorithm::kSha256);
  signature.hash = digest::Algorithm::kSha384;
  EXPECT_FALSE(check_signature(any_quote(), signature, only_key(signer.pem())));
}

TEST(CheckSignature, ThatTheKeyCannotMakeIsAMismatchThatNamesBoth) {
  const auto captured = captured_quote("templates/quote-mid");
  const auto rsa = only_key(Signer::rsa(2048).pem());
  EXPECT_EQ(check_signature(captured.quote, captured.signature, rsa).error().message,
            "the signature is ecdsa, which a key of the kind RSA 2048 cannot make");
  const tpm::Signature by_rsa{.scheme = tpm::SignatureScheme::kRsaPss, .rsa = Bytes(256)};
  const auto refused = check_signature(captured.quote, by_rsa, captured.key);
  EXPECT_EQ(refused.error().code, ErrorCode::kMismatch);
  EXPECT_EQ(refused.error().message, "the signature is rsapss, which a key of the kind ECDSA P-256 cannot make");
}

TEST(CheckSignature, OverSha1IsRefusedThoughItIsGood) {
  const Signer signer = Signer::ec("P-256");
  const auto checked = check_signature(any_quote(), signer.ecdsa(any_quote().signed_bytes, digest::Algorithm::kSha1),
                                       only_key(signer.pem()));
  ASSERT_FALSE(checked);
  EXPECT_EQ(checked.error().code, ErrorCode::kUnsupported);
}

TEST(CheckSignature, OfEmptyNumbersIsRefused) {
  const auto captured = captured_quote("templates/quote-mid");
  tpm::Signature empty = captured.signature;
  empty.r.clear();
  empty.s.clear();
  EXPECT_FALSE(check_signature(captured.quote, empty, captured.key));
}

TEST(CheckSignature, LeavesNoErrorForTheNextUserOfOpenssl) {
  const auto captured = captured_quote("templates/quote-mid");
  tpm::Signature altered = captured.signature;
  altered.r.clear();
  EXPECT_FALSE(check_signature(captured.quote, altered, captured.key));
  EXPECT_FALSE(VerificationKey::parse(as_bytes("-----BEGIN PUBLIC KEY-----\n")));
  EXPECT_EQ(ERR_peek_error(), 0u);
}

// ---- signature files ------------------------------------------------------------------------------------------------

TEST(ParseCandidates, OfATpmtSignatureIsOneForEachKey) {
  const Bytes file = test::captured("templates/quote-mid", "quote.sig");
  const auto captured = captured_quote("templates/quote-mid");
  const std::vector<VerificationKey> keys{only_key(Signer::ec("P-256").pem()), captured.key,
                                          only_key(Signer::rsa(2048).pem())};
  const auto candidates = must(parse_candidates(file, keys, std::nullopt));
  ASSERT_EQ(candidates.size(), 3u);
  const auto good = must(check_quote(captured.quote, candidates, captured.nonce));
  EXPECT_TRUE(check_signature(captured.quote, good.signature, good.key));
  EXPECT_FALSE(good.plain);

  const auto refused = check_quote(captured.quote, {candidates[0], candidates[2]}, captured.nonce);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().message, "the signature is by none of the 2 keys, or the quote was altered");
}

TEST(ParseCandidates, OfATpmtSignatureOverAnotherHashThanToldIsAUsageError) {
  const auto captured = captured_quote("templates/quote-mid");
  const auto refused =
      parse_candidates(test::captured("templates/quote-mid", "quote.sig"), {captured.key}, digest::Algorithm::kSha384);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kUsage);
  EXPECT_EQ(refused.error().message, "the signature says that it is over sha256, not sha384");
}

TEST(ParseCandidates, TakesPlainRsaSignaturesWithBothPaddings) {
  const Signer signer = Signer::rsa(2048);
  const std::vector<VerificationKey> keys{only_key(signer.pem())};
  const std::pair<int, tpm::SignatureScheme> paddings[] = {{RSA_PKCS1_PADDING, tpm::SignatureScheme::kRsaSsa},
                                                           {RSA_PKCS1_PSS_PADDING, tpm::SignatureScheme::kRsaPss}};
  for (const auto& [padding, scheme] : paddings) {
    const auto candidates =
        must(parse_candidates(signer.sign(any_quote().signed_bytes, "SHA256", padding), keys, std::nullopt));
    const auto good = check_quote(any_quote(), candidates, std::nullopt);
    ASSERT_TRUE(good) << describe(good.error());
    EXPECT_EQ(good->signature.scheme, scheme);
    EXPECT_TRUE(good->plain);
  }
}

TEST(ParseCandidates, TakesPlainEcdsaSignaturesOverTheHashTold) {
  const Signer signer = Signer::ec("P-384");
  const std::vector<VerificationKey> keys{only_key(Signer::rsa(2048).pem()), only_key(signer.pem())};
  const Bytes file = signer.sign(any_quote().signed_bytes, "SHA384");
  const auto candidates = must(parse_candidates(file, keys, digest::Algorithm::kSha384));
  EXPECT_TRUE(check_quote(any_quote(), candidates, std::nullopt));
  const auto refused = check_quote(any_quote(), must(parse_candidates(file, keys, std::nullopt)), std::nullopt);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().message, "the signature is not by this key, is not over sha256, or the quote was altered");
}

TEST(ParseCandidates, OfWhatIsNoSignatureOfTheseKeysIsAnError) {
  const Signer rsa = Signer::rsa(2048);
  const Bytes plain = rsa.sign(any_quote().signed_bytes, "SHA256", RSA_PKCS1_PADDING);
  Bytes longer = plain;
  longer.push_back(std::byte{0});
  EXPECT_FALSE(parse_candidates(longer, {only_key(rsa.pem())}, std::nullopt));
  EXPECT_FALSE(parse_candidates(plain, {only_key(Signer::ec("P-256").pem())}, std::nullopt));
  Bytes der = Signer::ec("P-256").sign(any_quote().signed_bytes, "SHA256");
  der.push_back(std::byte{0});
  EXPECT_FALSE(parse_candidates(der, {only_key(Signer::ec("P-256").pem())}, std::nullopt));
}

// ---- keys -----------------------------------------------------------------------------------------------------------

// A TPMT_PUBLIC with the parameters of the signer's RSA key.
TEST(VerificationKey, TakesAnRsaKeyAsTheTpmWritesIt) {
  const Signer signer = Signer::rsa(2048);
  BIGNUM* modulus = nullptr;
  ASSERT_EQ(EVP_PKEY_get_bn_param(signer.pair.get(), "n", &modulus), 1);
  Bytes area = *from_hex("0001000b00050072000000100014000b0800000000000100");
  const std::size_t at = area.size();
  area.resize(at + 256);
  BN_bn2bin(modulus, reinterpret_cast<unsigned char*>(area.data() + at));
  BN_free(modulus);
  const auto key = only_key(area);
  EXPECT_EQ(key.name(), "RSA 2048");
  tpm::Signature signature{.scheme = tpm::SignatureScheme::kRsaSsa};
  signature.rsa = signer.sign(any_quote().signed_bytes, "SHA256", RSA_PKCS1_PADDING);
  EXPECT_TRUE(check_signature(any_quote(), signature, key));
}

TEST(VerificationKey, TakesTheKeyOfACertificate) {
  for (const auto& [file, name] : {std::pair{"rsa.crt.pem", "RSA 2048"}, std::pair{"ec.crt.pem", "ECDSA P-256"}}) {
    EXPECT_EQ(only_key(must(read_file(std::string(IMAKEEP_TESTDATA "/keys/") + file))).name(), name);
  }
}

Bytes key_file(const std::string& name) {
  return must(read_file(IMAKEEP_TESTDATA "/keys/" + name));
}

Bytes joined(std::initializer_list<Bytes> parts) {
  Bytes all;
  for (const Bytes& part : parts) append_bytes(all, part);
  return all;
}

// Base64 between the lines of a PEM file.
Bytes der_of_pem(const Bytes& pem) {
  BIO* const bio = BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size()));
  char* name = nullptr;
  char* header = nullptr;
  unsigned char* der = nullptr;
  long size = 0;
  EXPECT_EQ(PEM_read_bio(bio, &name, &header, &der, &size), 1);
  const auto* const begin = reinterpret_cast<const std::byte*>(der);
  const Bytes bytes(begin, begin + size);
  BIO_free(bio);
  OPENSSL_free(name);
  OPENSSL_free(header);
  OPENSSL_free(der);
  return bytes;
}

TEST(VerificationKey, TakesAPublicKeyInDer) {
  for (const auto& [signer, name] :
       {std::pair{Signer::ec("P-256"), "ECDSA P-256"}, std::pair{Signer::rsa(2048), "RSA 2048"}}) {
    EXPECT_EQ(only_key(signer.der()).name(), name);
  }
  const Signer signer = Signer::ec("P-384");
  EXPECT_TRUE(check_signature(any_quote(), signer.ecdsa(any_quote().signed_bytes, digest::Algorithm::kSha384),
                              only_key(signer.der())));
}

TEST(VerificationKey, TakesACertificateInDerAsAnNvIndexPadsIt) {
  for (const auto& [file, name] : {std::pair{"rsa.crt.pem", "RSA 2048"}, std::pair{"ec.crt.pem", "ECDSA P-256"}}) {
    const Bytes der = der_of_pem(key_file(file));
    EXPECT_EQ(only_key(der).name(), name);
    EXPECT_EQ(only_key(joined({der, Bytes(100)})).name(), name);
    EXPECT_EQ(only_key(joined({der, Bytes(7, std::byte{0xff})})).name(), name);
    EXPECT_EQ(VerificationKey::parse(joined({der, der})).error().code, ErrorCode::kMalformed);
  }
}

TEST(VerificationKey, InDerIsNeverTakenForATpmsStructure) {
  for (const Bytes& file :
       {Bytes{std::byte{0x30}}, *from_hex("30820023"), joined({Signer::ec("P-256").der(), Bytes(1)})}) {
    EXPECT_EQ(VerificationKey::parse(file).error().message,
              "DER, but neither a public key (SubjectPublicKeyInfo) nor a certificate");
  }
}

TEST(VerificationKey, TakesEveryKeyOfAPemFileAndNamesItsPosition) {
  const Signer ec = Signer::ec("P-384");
  const Bytes noise = Bytes(as_bytes("subject=AK\n").begin(), as_bytes("subject=AK\n").end());
  const auto keys =
      must(VerificationKey::parse(joined({noise, ec.pem(), key_file("ec.crt.pem"), noise, Signer::rsa(2048).pem()})));
  ASSERT_EQ(keys.size(), 3u);
  EXPECT_EQ(keys[0].name(), "ECDSA P-384, key 1 of 3");
  EXPECT_EQ(keys[1].name(), "ECDSA P-256, key 2 of 3");
  EXPECT_EQ(keys[2].name(), "RSA 2048, key 3 of 3");
  EXPECT_TRUE(check_signature(any_quote(), ec.ecdsa(any_quote().signed_bytes, digest::Algorithm::kSha256), keys[0]));
}

TEST(VerificationKey, AmongSeveralThatCannotBeUsedIsLeftOut) {
  const auto keys = must(VerificationKey::parse(joined({Signer::rsa(1024).pem(), Signer::ec("P-256").pem()})));
  ASSERT_EQ(keys.size(), 1u);
  EXPECT_EQ(keys[0].name(), "ECDSA P-256, key 2 of 2");
  const auto none = VerificationKey::parse(joined({Signer::rsa(1024).pem(), Signer::ec("secp256k1").pem()}));
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().message, "the key, RSA 1024, is too weak: RSA 2048 or P-224 at least");
}

TEST(VerificationKey, ThatMaySignWhatItsTpmDidNotStateIsRefused) {
  Bytes area = test::captured("templates/quote-mid", "ak.tpmt");
  area[5] = std::byte{0x04};  // signs, but is not restricted
  const auto key = VerificationKey::parse(area);
  ASSERT_FALSE(key);
  EXPECT_EQ(key.error().code, ErrorCode::kUnsupported);
  EXPECT_TRUE(key.error().message.starts_with("the key's attributes are not those of an attestation key"));
}

TEST(VerificationKey, OffItsCurveIsRefused) {
  Bytes area = test::captured("templates/quote-mid", "ak.tpmt");
  area.back() ^= std::byte{1};
  EXPECT_EQ(VerificationKey::parse(area).error().code, ErrorCode::kMalformed);
}

TEST(VerificationKey, TooWeakIsRefused) {
  const auto rsa = VerificationKey::parse(Signer::rsa(1024).pem());
  ASSERT_FALSE(rsa);
  EXPECT_EQ(rsa.error().code, ErrorCode::kUnsupported);
  EXPECT_EQ(rsa.error().message, "the key, RSA 1024, is too weak: RSA 2048 or P-224 at least");
  EXPECT_EQ(VerificationKey::parse(Signer::ec("P-192").pem()).error().code, ErrorCode::kUnsupported);
}

TEST(VerificationKey, OnAnotherCurveThanNistsIsRefused) {
  const auto key = VerificationKey::parse(Signer::ec("secp256k1").pem());
  ASSERT_FALSE(key);
  EXPECT_EQ(key.error().message, "the key is neither RSA nor on a NIST curve");
}

TEST(VerificationKey, OfWhatIsNoKeyIsMalformed) {
  EXPECT_EQ(VerificationKey::parse({}).error().code, ErrorCode::kTruncated);
  EXPECT_EQ(
      VerificationKey::parse(as_bytes("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")).error().code,
      ErrorCode::kMalformed);
  EXPECT_EQ(VerificationKey::parse(as_bytes("-----BEGIN PUBLIC KEY-----\n")).error().message,
            "PEM, but neither a public key nor a certificate");
}

}  // namespace quote_check_test
}  // namespace imakeep::attest
