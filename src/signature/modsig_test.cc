// SPDX-License-Identifier: Apache-2.0
// Blobs are made by `openssl cms`. The first two sets of options are those that the kernel's sign-file gives to the
// same functions of OpenSSL.
#include "signature/modsig.h"

#include <algorithm>

#include <gtest/gtest.h>
#include <openssl/err.h>

#include "support/key_fixture.h"

namespace imakeep::signature {
namespace modsig_test {

using test::bytes_of_file;
using test::KeyFiles;
using test::must;
using test::must_run;
using test::only;
using test::with_bit_flipped;

constexpr const char* kLikeSignFile = "-noattr -nocerts";
constexpr const char* kLikeSignFileWithKeyId = "-noattr -nocerts -keyid";

class CheckModsig : public test::WithKeys {
 protected:
  static void SetUpTestSuite() {
    WithKeys::SetUpTestSuite();
    test::write_file(scratch->file("module"), content());
  }

  static ByteView content() { return as_bytes("what the module says"); }

  static Bytes signed_by(const KeyFiles& key, const std::string& options, const std::string& hash = "sha256") {
    must_run("openssl cms -sign -binary -outform DER -in " + scratch->file("module") + " -signer " + key.certificate() +
             " -inkey " + key.pair() + " -md " + hash + " " + options + " -out " + scratch->file("blob"));
    return bytes_of_file(scratch->file("blob"));
  }
};

SignatureCheck check_blob(ByteView blob, const digest::Digest& digest, const Keyrings& keyrings,
                          HashAlgorithm algorithm = HashAlgorithm::kSha256) {
  return check_modsig(must(Modsig::parse(blob)), {.algorithm = algorithm, .digest = digest.view()}, keyrings);
}

bool blob_verifies(ByteView blob, const digest::Digest& digest, const Keyrings& keyrings) {
  const auto modsig = Modsig::parse(blob);
  return modsig &&
         check_modsig(*modsig, {.algorithm = HashAlgorithm::kSha256, .digest = digest.view()}, keyrings).verified();
}

TEST_F(CheckModsig, TakesEachHashKeyAndFormOfBlob) {
  for (const KeyFiles* const files : {rsa, ec}) {
    for (const std::string hash : {"sha1", "sha256", "sha512"}) {
      for (const std::string options : {kLikeSignFile, kLikeSignFileWithKeyId, "-nocerts", "-keyid", ""}) {
        const HashAlgorithm algorithm = *hash_from_name(hash);
        const Bytes blob = signed_by(*files, options, hash);
        const auto checked =
            check_blob(blob, *hash_of(algorithm, {content()}), only(files->certified_key()), algorithm);
        ASSERT_EQ(checked.outcome, Outcome::kVerified) << hash << options << ": " << describe(checked);
        EXPECT_EQ(checked.signer->key_name, files->key().name());
        const Modsig modsig = must(Modsig::parse(blob));
        EXPECT_EQ(modsig.algorithm(), algorithm);
        EXPECT_EQ(modsig.has_signed_attributes(), options.find("-noattr") == std::string::npos);
        EXPECT_EQ(modsig.certificates(), options.find("-nocerts") == std::string::npos ? 1u : 0u);
      }
    }
  }
}

TEST_F(CheckModsig, TakesPkcs7AsOldKernelsSignIt) {
  must_run("openssl smime -sign -binary -noattr -nocerts -outform DER -md sha256 -in " + scratch->file("module") +
           " -signer " + rsa->certificate() + " -inkey " + rsa->pair() + " -out " + scratch->file("pkcs7"));
  EXPECT_TRUE(blob_verifies(bytes_of_file(scratch->file("pkcs7")), *hash_of(HashAlgorithm::kSha256, {content()}),
                            only(rsa->certified_key())));
}

TEST_F(CheckModsig, NamesTheKeyByIdentifierOrByIssuerAndSerial) {
  const auto digest = *hash_of(HashAlgorithm::kSha256, {content()});
  const Bytes by_id = signed_by(*rsa, kLikeSignFileWithKeyId);
  EXPECT_EQ(must(Modsig::parse(by_id)).wanted_key(), "key identifier " + to_hex(rsa->certified_key().identifier()));
  // OpenSSL's default SKID is SHA-1 over the public key too, so the key alone is found.
  EXPECT_EQ(check_blob(by_id, digest, only(rsa->key())).outcome, Outcome::kVerified);
  EXPECT_EQ(check_blob(by_id, digest, only(ec->certified_key())).outcome, Outcome::kNoSuchKey);

  const Bytes by_serial = signed_by(*rsa, kLikeSignFile);
  EXPECT_EQ(must(Modsig::parse(by_serial)).wanted_key(),
            "issuer CN=rsa,O=imakeep, serial " + rsa->certified_key().certificate()->serial);
  const auto without = check_blob(by_serial, digest, only(rsa->key()));
  EXPECT_EQ(without.outcome, Outcome::kNoSuchKey) << "a key alone has no issuer";
  EXPECT_EQ(describe(without), "no keyring has the signature's key: " + must(Modsig::parse(by_serial)).wanted_key());
}

TEST_F(CheckModsig, TakesNoCertificateFromTheBlob) {
  EXPECT_EQ(
      check_blob(signed_by(*rsa, ""), *hash_of(HashAlgorithm::kSha256, {content()}), only(ec->certified_key())).outcome,
      Outcome::kNoSuchKey);
}

TEST_F(CheckModsig, RefusesEveryChangedBitOfSignatureAndDigest) {
  const auto digest = *hash_of(HashAlgorithm::kSha256, {content()});
  const Keyrings keyrings = only(rsa->certified_key());
  for (const std::string options : {kLikeSignFile, "-nocerts"}) {
    const Bytes blob = signed_by(*rsa, options);
    ASSERT_TRUE(blob_verifies(blob, digest, keyrings));
    // The blob ends with the 256 bytes of the signature.
    for (std::size_t bit = (blob.size() - 256) * 8; bit < blob.size() * 8; ++bit) {
      ASSERT_FALSE(blob_verifies(with_bit_flipped(blob, bit), digest, keyrings)) << bit;
    }
    for (std::size_t bit = 0; bit < digest.size() * 8; ++bit) {
      digest::Digest altered = digest;
      altered.data()[bit / 8] ^= std::byte{1} << bit % 8;
      ASSERT_EQ(check_blob(blob, altered, keyrings).outcome,
                options == kLikeSignFile ? Outcome::kBadSignature : Outcome::kOtherDigest)
          << bit;
    }
  }
}

TEST_F(CheckModsig, RefusesEveryChangedBitOfSignedAttributes) {
  const auto digest = *hash_of(HashAlgorithm::kSha256, {content()});
  const Keyrings keyrings = only(rsa->certified_key());
  const Bytes blob = signed_by(*rsa, "-nocerts");
  const auto find = [&](std::string_view hex, std::size_t from) {
    const Bytes wanted = must(from_hex(hex));
    const auto at =
        std::search(blob.begin() + static_cast<std::ptrdiff_t>(from), blob.end(), wanted.begin(), wanted.end());
    return static_cast<std::size_t>(at - blob.begin());
  };
  // From the first attribute, contentType, to the signature's algorithm, rsaEncryption.
  const std::size_t begin = find("06092a864886f70d010903", 0) - 2;
  const std::size_t end = find("300d06092a864886f70d010101", begin);
  ASSERT_LT(begin, end);
  ASSERT_LT(end, blob.size());
  for (std::size_t bit = begin * 8; bit < end * 8; ++bit) {
    ASSERT_FALSE(blob_verifies(with_bit_flipped(blob, bit), digest, keyrings)) << bit;
  }
}

// Bits that nobody signed may change, such as the version; then the blob still holds the same signature by the same
// key.
TEST_F(CheckModsig, WithAnyChangedBitNamesNoOtherSigner) {
  const auto digest = *hash_of(HashAlgorithm::kSha256, {content()});
  Keyrings keyrings = only(rsa->certified_key());
  must(keyrings.add("test", ec->certified_key()));
  const Bytes blob = signed_by(*rsa, kLikeSignFile);
  for (std::size_t bit = 0; bit < blob.size() * 8; ++bit) {
    const auto modsig = Modsig::parse(with_bit_flipped(blob, bit));
    if (!modsig) continue;
    const auto checked =
        check_modsig(*modsig, {.algorithm = HashAlgorithm::kSha256, .digest = digest.view()}, keyrings);
    if (checked.verified()) {
      ASSERT_EQ(checked.signer->key_fingerprint, rsa->key().fingerprint()) << bit;
    }
  }
}

// pkcs7_digest() of the kernel leaves the hash over the attributes, which then is in field d-modsig.
TEST_F(CheckModsig, TakesTheHashOverTheSignedAttributesForTheDigest) {
  const Bytes blob = signed_by(*rsa, "-nocerts");
  // Those of the blob, with the tag of a SET instead of [0]: from 2 or 3 bytes before contentType on.
  const Bytes first = must(from_hex("301806092a864886f70d010903"));
  const auto members = std::search(blob.begin(), blob.end(), first.begin(), first.end());
  const auto size = std::to_integer<std::ptrdiff_t>(*(members - 1));
  Bytes set(members - 3, members + size);
  ASSERT_EQ(set[0], std::byte{0xa0});
  set[0] = std::byte{0x31};
  EXPECT_EQ(check_blob(blob, *hash_of(HashAlgorithm::kSha256, {set}), only(rsa->certified_key())).outcome,
            Outcome::kVerified);
}

TEST_F(CheckModsig, SaysThatTheDigestIsOfAnotherHash) {
  EXPECT_EQ(check_blob(signed_by(*rsa, kLikeSignFile), *hash_of(HashAlgorithm::kSha512, {content()}),
                       only(rsa->certified_key()), HashAlgorithm::kSha512)
                .outcome,
            Outcome::kOtherDigest);
}

TEST_F(CheckModsig, SaysThatRsaPssIsNotCheckable) {
  const auto checked = check_blob(signed_by(*rsa, "-noattr -nocerts -keyopt rsa_padding_mode:pss"),
                                  *hash_of(HashAlgorithm::kSha256, {content()}), only(rsa->certified_key()));
  EXPECT_EQ(checked.outcome, Outcome::kNotCheckable);
  EXPECT_EQ(checked.obstacle, Obstacle::kScheme);
}

TEST_F(CheckModsig, RefusesEveryProperPrefixByOneError) {
  const Bytes blob = signed_by(*rsa, kLikeSignFile);
  for (std::size_t size = 0; size < blob.size(); ++size) {
    const auto refused = Modsig::parse(ByteView(blob).first(size));
    ASSERT_FALSE(refused) << size;
    EXPECT_EQ(refused.error().code, ErrorCode::kMalformed) << size;
    EXPECT_EQ(refused.error().offset, size);
    if (size < 4) continue;
    EXPECT_EQ(refused.error().message, "the module signature is cut short: its DER states " +
                                           std::to_string(blob.size()) + " bytes, and " + std::to_string(size) +
                                           " are there");
  }
}

TEST_F(CheckModsig, RefusesBytesAfterTheBlobAndPartsCutWithinIt) {
  Bytes blob = signed_by(*rsa, kLikeSignFile);
  Bytes longer = blob;
  longer.push_back(std::byte{0});
  EXPECT_EQ(Modsig::parse(longer).error().message, "1 bytes follow the module signature");
  EXPECT_EQ(Modsig::parse(longer).error().offset, blob.size());
  // The outer length is right for what is there, and the parts are longer.
  blob.resize(blob.size() - 10);
  store(blob.data() + 2, static_cast<std::uint16_t>(blob.size() - 4), ByteOrder::kBig);
  EXPECT_EQ(Modsig::parse(blob).error().message, "the module signature is no CMS, or its inner parts are cut short");
  EXPECT_EQ(ERR_peek_error(), 0u);
}

TEST_F(CheckModsig, RefusesOtherFormsOfCms) {
  EXPECT_EQ(Modsig::parse(signed_by(*rsa, "-noattr -nodetach")).error().message,
            "the module signature has content, which should be the file");
  const Bytes two = signed_by(*rsa, "-noattr -nocerts -signer " + ec->certificate() + " -inkey " + ec->pair());
  EXPECT_EQ(Modsig::parse(two).error().code, ErrorCode::kUnsupported);
  EXPECT_EQ(Modsig::parse(two).error().message, "the module signature has 2 signers, not one");
  must_run("openssl cms -data_create -outform DER -in " + scratch->file("module") + " -out " + scratch->file("data"));
  EXPECT_EQ(Modsig::parse(bytes_of_file(scratch->file("data"))).error().message,
            "the module signature is no SignedData");
}

TEST_F(CheckModsig, RefusesWhatIsNoDerOrTooLarge) {
  for (const std::string_view hex : {"3180", "0203010203", "3080", "30850000000001", "30"}) {
    const auto refused = Modsig::parse(must(from_hex(hex)));
    ASSERT_FALSE(refused) << hex;
    EXPECT_EQ(refused.error().code, ErrorCode::kMalformed) << hex;
  }
  EXPECT_EQ(Modsig::parse(Bytes(kMaxModsigBytes + 1, std::byte{0x30})).error().code, ErrorCode::kMalformed);
}

}  // namespace modsig_test
}  // namespace imakeep::signature
