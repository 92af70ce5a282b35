// SPDX-License-Identifier: Apache-2.0
// Signatures are made by evmctl, which has its own code for everything that is checked here, or else by openssl.
#include "signature/check.h"

#include <gtest/gtest.h>
#include <openssl/err.h>

#include "support/key_fixture.h"

namespace imakeep::signature {
namespace check_test {

using test::bytes_of_file;
using test::KeyFiles;
using test::must;
using test::must_run;
using test::only;
using test::with_bit_flipped;

// A file to sign, and keys of every kind.
class CheckSignature : public test::WithKeys {
 protected:
  static void SetUpTestSuite() {
    WithKeys::SetUpTestSuite();
    test::write_file(signed_file(), content());
  }

  static std::string signed_file() { return scratch->file("signed"); }
  static ByteView content() { return as_bytes("what the file says\n"); }

  // security.ima, as evmctl makes it.
  static Bytes by_evmctl(const KeyFiles& key, const std::string& hash) {
    must_run("evmctl ima_sign -f -a " + hash + " -k " + key.pair() + " " + signed_file());
    return bytes_of_file(signed_file() + ".sig");
  }

  // security.evm of a file with this security.ima alone, as evmctl makes it.
  static Bytes portable_by_evmctl(const KeyFiles& key, const std::string& hash, ByteView ima) {
    std::string hex = must_run("evmctl sign -o -n -a " + hash + " -k " + key.pair() + " --ima=" + to_hex(ima) +
                               " --uid=1000 --gid=100 --mode=33261 " + signed_file());
    hex.resize(hex.find_last_not_of('\n') + 1);
    return must(from_hex(hex));
  }

  // An attribute with openssl's signature over `digest`.
  static Bytes by_openssl(const KeyFiles& key, std::string_view front, HashAlgorithm hash, ByteView digest) {
    test::write_file(scratch->file("digest"), digest);
    must_run("openssl pkeyutl -sign -inkey " + key.pair() + " -pkeyopt digest:" + std::string(info(hash).name) +
             " -in " + scratch->file("digest") + " -out " + scratch->file("bytes"));
    const Bytes bytes = bytes_of_file(scratch->file("bytes"));
    Bytes attribute = must(from_hex(front));
    attribute.push_back(std::byte{static_cast<std::uint8_t>(hash)});
    append_int(attribute, key.key().id(), ByteOrder::kBig);
    append_int(attribute, static_cast<std::uint16_t>(bytes.size()), ByteOrder::kBig);
    append_bytes(attribute, bytes);
    return attribute;
  }
};

// A file digest that owns its bytes.
struct OwnedDigest {
  HashAlgorithm algorithm;
  digest::Digest digest;
  DigestKind kind = DigestKind::kContent;

  SignedContent content() const {
    return {.file = FileDigestView{.algorithm = algorithm, .digest = digest.view(), .kind = kind}};
  }
};

OwnedDigest digest_of(HashAlgorithm algorithm, ByteView bytes) {
  return {.algorithm = algorithm, .digest = *hash_of(algorithm, {bytes})};
}

SignatureCheck check(ByteView attribute, const SignedContent& content, const Keyrings& keyrings,
                     const CheckOptions& options = {}) {
  return check_signature(must(parse_signature(attribute)), content, keyrings, options);
}

bool verifies(ByteView attribute, const SignedContent& content, const Keyrings& keyrings) {
  const auto signature = parse_signature(attribute);
  return signature && check_signature(*signature, content, keyrings).verified();
}

// ---- made by evmctl -------------------------------------------------------------------------------------------------

TEST_F(CheckSignature, TakesWhatEvmctlSignsWithEachHashAndKind) {
  if (!test::evmctl_installed()) GTEST_SKIP() << test::kNoEvmctl;
  for (const KeyFiles* const files : {rsa, ec}) {
    for (const std::string hash : {"sha1", "sha224", "sha256", "sha384", "sha512"}) {
      const HashAlgorithm algorithm = *hash_from_name(hash);
      const Bytes attribute = by_evmctl(*files, hash);
      for (const Key& key : {files->key(), files->certified_key()}) {
        const auto checked = check(attribute, digest_of(algorithm, content()).content(), only(key));
        ASSERT_EQ(checked.outcome, Outcome::kVerified) << describe(checked);
        EXPECT_EQ(checked.algorithm, algorithm);
        EXPECT_EQ(checked.signer->keyring, "test");
        EXPECT_EQ(checked.signer->key_name, key.name());
        EXPECT_EQ(checked.signer->key_fingerprint, key.fingerprint());
      }
    }
  }
}

TEST_F(CheckSignature, RefusesEveryChangedBitOfAttributeAndDigest) {
  if (!test::evmctl_installed()) GTEST_SKIP() << test::kNoEvmctl;
  for (const KeyFiles* const files : {rsa, ec}) {
    const Keyrings keyrings = only(files->key());
    const Bytes attribute = by_evmctl(*files, "sha256");
    OwnedDigest digest = digest_of(HashAlgorithm::kSha256, content());
    ASSERT_TRUE(verifies(attribute, digest.content(), keyrings));
    for (std::size_t bit = 0; bit < attribute.size() * 8; ++bit) {
      ASSERT_FALSE(verifies(with_bit_flipped(attribute, bit), digest.content(), keyrings)) << bit;
    }
    for (std::size_t bit = 0; bit < digest.digest.size() * 8; ++bit) {
      OwnedDigest altered = digest;
      altered.digest.data()[bit / 8] ^= std::byte{1} << bit % 8;
      ASSERT_EQ(check(attribute, altered.content(), keyrings).outcome, Outcome::kBadSignature) << bit;
    }
  }
}

// The other direction: what evmctl refuses and takes is what this library refuses and takes. evmctl ignores the size in
// the header's last two bytes; the kernel does not.
TEST_F(CheckSignature, AgreesWithEvmctlOnAlteredAttributes) {
  if (!test::evmctl_installed()) GTEST_SKIP() << test::kNoEvmctl;
  for (const KeyFiles* const files : {rsa, ec}) {
    const Keyrings keyrings = only(files->certified_key());
    const Bytes attribute = by_evmctl(*files, "sha256");
    const auto content_digest = digest_of(HashAlgorithm::kSha256, content());
    const auto agree = [&](const Bytes& altered) {
      test::write_file(signed_file() + ".sig", altered);
      const auto peer = test::run("evmctl ima_verify -f -k " + files->certificate_der() + " " + signed_file());
      EXPECT_EQ(verifies(altered, content_digest.content(), keyrings), peer.code == 0) << to_hex(altered);
    };
    agree(attribute);
    for (std::size_t byte = 1; byte < attribute.size(); byte += byte < 9 ? 1 : 16) {
      if (byte == 7 || byte == 8) continue;
      agree(with_bit_flipped(attribute, byte * 8 + byte % 8));
    }
    const Bytes other_file = by_openssl(*files, "0302", HashAlgorithm::kSha256, digest::Digest(32).view());
    agree(other_file);
  }
}

TEST_F(CheckSignature, TakesPortableSignaturesOverMetadataAlone) {
  if (!test::evmctl_installed()) GTEST_SKIP() << test::kNoEvmctl;
  Bytes ima = must(from_hex("0404"));
  append_bytes(ima, hash_of(HashAlgorithm::kSha256, {content()})->view());
  for (const KeyFiles* const files : {rsa, ec}) {
    const Keyrings keyrings = only(files->key());
    const Bytes attribute = portable_by_evmctl(*files, "sha256", ima);
    SignedContent known{.metadata = EvmMetadataView{.attribute_values = ima, .uid = 1000, .gid = 100, .mode = 0100755}};
    ASSERT_EQ(check(attribute, known, keyrings).outcome, Outcome::kVerified);
    for (std::size_t bit = 0; bit < attribute.size() * 8; ++bit) {
      ASSERT_FALSE(verifies(with_bit_flipped(attribute, bit), known, keyrings)) << bit;
    }
    for (std::size_t bit = 0; bit < ima.size() * 8; ++bit) {
      const Bytes altered = with_bit_flipped(ima, bit);
      known.metadata->attribute_values = altered;
      ASSERT_EQ(check(attribute, known, keyrings).outcome, Outcome::kBadSignature) << bit;
    }
    known.metadata->attribute_values = ima;
    for (const EvmMetadataView& other :
         {EvmMetadataView{.attribute_values = ima, .uid = 1001, .gid = 100, .mode = 0100755},
          EvmMetadataView{.attribute_values = ima, .uid = 1000, .gid = 101, .mode = 0100755},
          EvmMetadataView{.attribute_values = ima, .uid = 1000, .gid = 100, .mode = 0104755}}) {
      EXPECT_EQ(check(attribute, {.metadata = other}, keyrings).outcome, Outcome::kBadSignature);
    }
    const auto without = check(attribute, digest_of(HashAlgorithm::kSha256, content()).content(), keyrings);
    EXPECT_EQ(without.outcome, Outcome::kNotCheckable);
    EXPECT_EQ(without.obstacle, Obstacle::kNoEvmMetadata);
  }
}

// ---- version 3, made by openssl over struct ima_file_id
// --------------------------------------------------------------

// The hash over struct ima_file_id, whose first two bytes are given in hexadecimal.
digest::Digest file_id_by_hand(std::string_view front, const OwnedDigest& digest) {
  return *hash_of(digest.algorithm, {must(from_hex(front)), digest.digest.view()});
}

struct FileIdCase {
  const char* front;    // type and version
  const char* file_id;  // type and hash: 6 is sha512
  DigestKind kind;
};

TEST_F(CheckSignature, OfVersion3IsOverTheFileId) {
  const FileIdCase cases[] = {{"0303", "0306", DigestKind::kContent}, {"0603", "0606", DigestKind::kVerity}};
  for (const FileIdCase& each : cases) {
    for (const KeyFiles* const files : {rsa, ec}) {
      const Keyrings keyrings = only(files->key());
      OwnedDigest digest = digest_of(HashAlgorithm::kSha512, content());
      digest.kind = each.kind;
      const auto file_id = file_id_by_hand(each.file_id, digest);
      const Bytes attribute = by_openssl(*files, each.front, digest.algorithm, file_id.view());
      ASSERT_EQ(check(attribute, digest.content(), keyrings).outcome, Outcome::kVerified) << each.front;
      for (std::size_t bit = 0; bit < attribute.size() * 8; ++bit) {
        ASSERT_FALSE(verifies(with_bit_flipped(attribute, bit), digest.content(), keyrings)) << bit;
      }
      digest.kind = DigestKind::kUnstated;
      EXPECT_TRUE(verifies(attribute, digest.content(), keyrings)) << "field d-ng does not say the kind";
      digest.kind = each.kind == DigestKind::kVerity ? DigestKind::kContent : DigestKind::kVerity;
      EXPECT_EQ(check(attribute, digest.content(), keyrings).outcome, Outcome::kOtherDigest);
      digest.kind = each.kind;
      const Bytes plain = by_openssl(*files, each.front, digest.algorithm, digest.digest.view());
      EXPECT_EQ(check(plain, digest.content(), keyrings).outcome, Outcome::kBadSignature)
          << "version 3 over the digest itself";
    }
  }
}

TEST_F(CheckSignature, OfVersion3AndPortableIsOverTheFileIdOfTheEvmDigest) {
  const EvmMetadataView metadata{.attribute_values = as_bytes("values"), .uid = 7, .gid = 8, .mode = 0100644};
  const OwnedDigest evm{.algorithm = HashAlgorithm::kSha256, .digest = *evm_digest(HashAlgorithm::kSha256, metadata)};
  const Bytes attribute = by_openssl(*rsa, "0503", HashAlgorithm::kSha256, file_id_by_hand("0504", evm).view());
  EXPECT_TRUE(verifies(attribute, {.metadata = metadata}, only(rsa->key())));
  EXPECT_FALSE(verifies(by_openssl(*rsa, "0503", HashAlgorithm::kSha256, evm.digest.view()), {.metadata = metadata},
                        only(rsa->key())));
}

// ---- what the answer says -------------------------------------------------------------------------------------------

TEST_F(CheckSignature, SaysThatNoKeyringHasTheKey) {
  const auto digest = digest_of(HashAlgorithm::kSha256, content());
  const Bytes attribute = by_openssl(*rsa, "0302", HashAlgorithm::kSha256, digest.digest.view());
  const auto checked = check(attribute, digest.content(), only(ec->key()));
  EXPECT_EQ(checked.outcome, Outcome::kNoSuchKey);
  EXPECT_FALSE(checked.signer);
  EXPECT_EQ(describe(checked), "no keyring has the signature's key: key id " + key_id_text(rsa->key().id()));
  EXPECT_EQ(check(attribute, digest.content(), {}).outcome, Outcome::kNoSuchKey);
}

TEST_F(CheckSignature, SaysThatTheHashIsNotThatOfTheFileDigest) {
  const auto digest = digest_of(HashAlgorithm::kSha256, content());
  const Bytes attribute = by_openssl(*rsa, "0302", HashAlgorithm::kSha256, digest.digest.view());
  OwnedDigest other = digest;
  other.algorithm = HashAlgorithm::kSm3;
  EXPECT_EQ(check(attribute, other.content(), only(rsa->key())).outcome, Outcome::kOtherDigest);
  const auto sha512 = digest_of(HashAlgorithm::kSha512, content());
  EXPECT_EQ(check(attribute, sha512.content(), only(rsa->key())).outcome, Outcome::kOtherDigest);
  OwnedDigest short_digest = digest;
  short_digest.digest = digest::Digest(digest.digest.view().first(20));
  EXPECT_EQ(check(attribute, short_digest.content(), only(rsa->key())).outcome, Outcome::kOtherDigest);
  const auto unknown = check(attribute, {}, only(rsa->key()));
  EXPECT_EQ(unknown.outcome, Outcome::kNotCheckable);
  EXPECT_EQ(unknown.obstacle, Obstacle::kNoFileDigest);
}

TEST_F(CheckSignature, NamesTheKeyThatDidNotMakeIt) {
  const auto digest = digest_of(HashAlgorithm::kSha256, content());
  const Bytes attribute = by_openssl(*rsa, "0302", HashAlgorithm::kSha256, digest.digest.view());
  const auto checked =
      check(attribute, digest_of(HashAlgorithm::kSha256, as_bytes("other")).content(), only(rsa->certified_key()));
  EXPECT_EQ(checked.outcome, Outcome::kBadSignature);
  EXPECT_EQ(checked.keys_tried, 1u);
  EXPECT_EQ(describe(checked), "the signature does not match the digest by RSA 2048 CN=rsa,O=imakeep of keyring test");
}

TEST_F(CheckSignature, TriesAllKeysWithTheKeyId) {
  // A key with the key id of `rsa`, before and after it in the order of keyrings.
  std::string id = key_id_text(rsa->key().id()).substr(2);
  const KeyFiles twin = make_key(*scratch, "twin", test::kRsa2048, "-days 30 -addext subjectKeyIdentifier=" + id);
  const auto digest = digest_of(HashAlgorithm::kSha256, content());
  const Bytes attribute = by_openssl(*rsa, "0302", HashAlgorithm::kSha256, digest.digest.view());
  for (const std::string other : {"a", "z"}) {
    Keyrings keyrings;
    must(keyrings.add(other, twin.certified_key()));
    must(keyrings.add("m", rsa->key()));
    const auto checked = check(attribute, digest.content(), keyrings);
    EXPECT_EQ(checked.outcome, Outcome::kVerified);
    EXPECT_EQ(checked.signer->keyring, "m");
    EXPECT_EQ(checked.keys_tried, other == "a" ? 2u : 1u);
  }
}

TEST_F(CheckSignature, ReportsAnExpiredCertificateAndRefusesItOnlyOnRequest) {
  const Key key = rsa->certified_key();
  const auto digest = digest_of(HashAlgorithm::kSha256, content());
  Bytes attribute = by_openssl(*rsa, "0302", HashAlgorithm::kSha256, digest.digest.view());
  store(attribute.data() + 3, key.id(), ByteOrder::kBig);
  const std::int64_t ends = key.certificate()->not_after_s;
  const std::int64_t begins = key.certificate()->not_before_s;
  const std::pair<std::int64_t, Validity> times[] = {{begins - 1, Validity::kNotYetValid},
                                                     {begins, Validity::kValid},
                                                     {ends, Validity::kValid},
                                                     {ends + 1, Validity::kExpired}};
  for (const auto& [now_unix_s, validity] : times) {
    const auto taken = check(attribute, digest.content(), only(key), {.now_unix_s = now_unix_s});
    EXPECT_EQ(taken.outcome, Outcome::kVerified);
    EXPECT_EQ(taken.signer->validity, validity);
    const auto strict =
        check(attribute, digest.content(), only(key), {.now_unix_s = now_unix_s, .require_validity = true});
    EXPECT_EQ(strict.outcome, validity == Validity::kValid ? Outcome::kVerified : Outcome::kOutsideValidity);
  }
  EXPECT_EQ(check(attribute, digest.content(), only(key)).signer->validity, Validity::kNotAsked);
  Keyrings both = only(key);
  must(both.add("z", rsa->key()));
  if (rsa->key().id() == key.id()) {
    EXPECT_EQ(check(attribute, digest.content(), both, {.now_unix_s = ends + 1, .require_validity = true}).outcome,
              Outcome::kVerified)
        << "the same key without a certificate has no dates";
  }
}

TEST_F(CheckSignature, RecognisesMlDsaBySizeAndByKey) {
  const auto digest = digest_of(HashAlgorithm::kSha256, content());
  for (const std::size_t bytes : {2420u, 3309u, 4627u}) {
    Bytes attribute = must(from_hex("0303041d3da8bb"));
    append_int(attribute, static_cast<std::uint16_t>(bytes), ByteOrder::kBig);
    attribute.resize(attribute.size() + bytes);
    const auto checked = check(attribute, digest.content(), only(rsa->key()));
    EXPECT_EQ(checked.outcome, Outcome::kNotCheckable);
    EXPECT_EQ(checked.obstacle, Obstacle::kMlDsa);
    EXPECT_EQ(describe(checked), "not checkable: the signature is by ML-DSA");
  }
  Bytes der = must(from_hex("308207b2300b0609608648016503040312038207a100"));
  der.resize(der.size() + 1952, std::byte{0x21});
  const Key key = must(Key::parse(der)).front();
  Bytes attribute = by_openssl(*rsa, "0302", HashAlgorithm::kSha256, digest.digest.view());
  store(attribute.data() + 3, key.id(), ByteOrder::kBig);
  const auto checked = check(attribute, digest.content(), only(key));
  EXPECT_EQ(checked.obstacle, Obstacle::kMlDsa);
  EXPECT_EQ(describe(checked), "not checkable: the signature is by ML-DSA (ML-DSA-65 of keyring test)");
}

TEST_F(CheckSignature, SaysThatTheKeyIsOfAnotherKind) {
  const Key key = make_key(*scratch, "ed", "-algorithm ED25519").key();
  const auto digest = digest_of(HashAlgorithm::kSha256, content());
  Bytes attribute = by_openssl(*rsa, "0302", HashAlgorithm::kSha256, digest.digest.view());
  store(attribute.data() + 3, key.id(), ByteOrder::kBig);
  const auto checked = check(attribute, digest.content(), only(key));
  EXPECT_EQ(checked.outcome, Outcome::kNotCheckable);
  EXPECT_EQ(checked.obstacle, Obstacle::kKeyKind);
  EXPECT_EQ(checked.signer->key_name, "ED25519");
  EXPECT_EQ(checked.keys_tried, 0u);
}

TEST_F(CheckSignature, SaysThatOpensslLacksTheHash) {
  OwnedDigest digest{.algorithm = HashAlgorithm::kTiger192, .digest = digest::Digest(24)};
  Bytes attribute = by_openssl(*rsa, "0302", HashAlgorithm::kSha256, digest::Digest(32).view());
  attribute[2] = std::byte{static_cast<std::uint8_t>(digest.algorithm)};
  for (const int version : {2, 3}) {
    attribute[1] = std::byte{static_cast<std::uint8_t>(version)};
    const auto checked = check(attribute, digest.content(), only(rsa->key()));
    EXPECT_EQ(checked.outcome, Outcome::kNotCheckable);
    EXPECT_EQ(checked.obstacle, Obstacle::kHashUnknown);
    EXPECT_EQ(describe(checked), "not checkable: this machine's OpenSSL lacks tgr192");
  }
}

TEST_F(CheckSignature, LeavesNoErrorForTheNextUserOfOpenssl) {
  const auto digest = digest_of(HashAlgorithm::kSha256, content());
  const Bytes attribute = by_openssl(*rsa, "0302", HashAlgorithm::kSha256, digest.digest.view());
  check(with_bit_flipped(attribute, 8 * 20), digest.content(), only(rsa->key()));
  EXPECT_EQ(ERR_peek_error(), 0u);
}

}  // namespace check_test
}  // namespace imakeep::signature
