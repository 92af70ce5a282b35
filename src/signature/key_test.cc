// SPDX-License-Identifier: Apache-2.0
#include "signature/key.h"

#include <gtest/gtest.h>
#include <openssl/err.h>

#include "signature/key_file.h"
#include "support/key_tools.h"

namespace imakeep::signature {
namespace key_test {

using test::bytes_of_file;
using test::must;
using test::must_run;
using test::ScratchDirectory;

std::string last_8_digits(const std::string& text) {
  std::string digits;
  for (const char c : text) {
    if (std::isxdigit(static_cast<unsigned char>(c)) != 0) digits += static_cast<char>(std::tolower(c));
  }
  return digits.size() < 8 ? digits : digits.substr(digits.size() - 8);
}

TEST(Key, WithoutACertificateIsNamedBySha1OverItsRsaPublicKey) {
  const ScratchDirectory scratch;
  const auto files = test::make_key(scratch, "rsa", test::kRsa2048);
  const std::string sha1 = must_run("openssl rsa -in " + files.pair() + " -RSAPublicKey_out -outform DER | sha1sum");
  const Key key = files.key();
  EXPECT_EQ(to_hex(key.identifier()), sha1.substr(0, 40));
  EXPECT_EQ(key.id(), std::stoul(sha1.substr(32, 8), nullptr, 16));
  EXPECT_EQ(key.name(), "RSA 2048");
  EXPECT_EQ(key.kind(), KeyKind::kRsa);
  EXPECT_FALSE(key.certificate());
}

TEST(Key, OnACurveIsNamedBySha1OverItsUncompressedPointWhateverItsEncoding) {
  const ScratchDirectory scratch;
  const auto files = test::make_key(scratch, "ec", test::kP256);
  // The last 65 bytes of a SubjectPublicKeyInfo of P-256 are the uncompressed point.
  const std::string sha1 =
      must_run("openssl pkey -in " + files.pair() + " -pubout -outform DER | tail -c 65 | sha1sum");
  must_run("openssl ec -in " + files.pair() + " -pubout -conv_form compressed -out " + scratch.file("compressed"));
  const Key compressed = must(Key::parse(bytes_of_file(scratch.file("compressed")))).front();
  for (const Key& key : {files.key(), compressed}) {
    EXPECT_EQ(to_hex(key.identifier()), sha1.substr(0, 40));
    EXPECT_EQ(key.name(), "ECDSA P-256");
  }
  EXPECT_NE(files.key().fingerprint(), compressed.fingerprint());
}

TEST(Key, OfACertificateIsNamedByItsSubjectKeyIdentifier) {
  const ScratchDirectory scratch;
  const auto files = test::make_key(scratch, "named", test::kRsa2048,
                                    "-days 30 -set_serial 0x1234 -addext subjectKeyIdentifier=0102030405060708090a");
  for (const std::string& file : {files.certificate(), files.certificate_der()}) {
    const Key key = must(Key::parse(bytes_of_file(file))).front();
    EXPECT_EQ(key.id(), 0x0708090au);
    ASSERT_TRUE(key.certificate());
    EXPECT_EQ(key.certificate()->subject, "CN=named,O=imakeep");
    EXPECT_EQ(key.certificate()->issuer, "CN=named,O=imakeep");
    EXPECT_EQ(key.certificate()->serial, "1234");
    EXPECT_EQ(key.certificate()->not_after_s - key.certificate()->not_before_s, 30 * 86400);
    EXPECT_EQ(key.fingerprint(), files.key().fingerprint());
  }
}

TEST(Key, OfACertificateWithoutAnIdentifierIsNamedAsWithoutACertificate) {
  const ScratchDirectory scratch;
  const auto files = test::make_key(scratch, "bare", test::kRsa2048, "-days 30 -addext subjectKeyIdentifier=none");
  if (must_run("openssl x509 -noout -text -in " + files.certificate()).find("Subject Key Identifier") !=
      std::string::npos) {
    // OpenSSL before 3.2 takes "none" for the default. A version 1 certificate has no extensions.
    must_run("openssl req -new -key " + files.pair() + " -subj /CN=bare -out " + scratch.file("csr"));
    must_run("openssl x509 -req -in " + scratch.file("csr") + " -signkey " + files.pair() + " -out " +
             files.certificate());
  }
  EXPECT_EQ(files.certified_key().id(), files.key().id());
}

// testdata/README.md: the keys that signed the files of the captured lists.
TEST(Key, OfTheCapturesHasTheIdThatOpensslPrints) {
  for (const std::string name : {"rsa", "ec"}) {
    const std::string stem = std::string(IMAKEEP_TESTDATA) + "/keys/" + name + ".crt";
    const Key key = must(Key::parse(bytes_of_file(stem + ".pem"))).front();
    const std::string printed =
        must_run("openssl x509 -noout -ext subjectKeyIdentifier -in " + stem + ".pem | tail -n 1");
    EXPECT_EQ(key_id_text(key.id()), "0x" + last_8_digits(printed));
    EXPECT_EQ(must(Key::parse(bytes_of_file(stem + ".der"))).front().fingerprint(), key.fingerprint());
  }
}

TEST(Key, ParsesAllKeysOfAPemFileAndSkipsOtherBlocks) {
  const ScratchDirectory scratch;
  const auto rsa = test::make_key(scratch, "rsa", test::kRsa2048);
  const auto ec = test::make_key(scratch, "ec", test::kP256);
  must_run("openssl rsa -in " + rsa.pair() + " -RSAPublicKey_out -out " + scratch.file("pkcs1"));
  must_run("cd " + scratch.path() + " && cat rsa.key rsa.crt ec.pub pkcs1 ec.crt > all");
  const auto keys = must(Key::parse(bytes_of_file(scratch.file("all"))));
  ASSERT_EQ(keys.size(), 4u);
  EXPECT_EQ(keys[0].name(), "RSA 2048");
  EXPECT_EQ(keys[1].name(), "ECDSA P-256");
  EXPECT_EQ(keys[2].fingerprint(), keys[0].fingerprint());
  EXPECT_TRUE(keys[3].certificate());
}

TEST(Key, ThatCannotCheckIsKeptWithItsKind) {
  const ScratchDirectory scratch;
  const auto ed25519 = test::make_key(scratch, "ed", "-algorithm ED25519");
  EXPECT_FALSE(ed25519.key().can_check());
  EXPECT_EQ(ed25519.key().name(), "ED25519");
  must_run("openssl genrsa -out " + scratch.file("weak") + " 768");
  must_run("openssl rsa -in " + scratch.file("weak") + " -pubout -out " + scratch.file("weak.pub"));
  const Key weak = must(Key::parse(bytes_of_file(scratch.file("weak.pub")))).front();
  EXPECT_FALSE(weak.can_check());
  EXPECT_EQ(weak.name(), "RSA 768");
}

// A SubjectPublicKeyInfo with the OID of ML-DSA-65 (RFC 9881) and bits that stand for a key.
Bytes ml_dsa_key() {
  Bytes key = *from_hex("308207b2300b0609608648016503040312038207a100");
  key.resize(key.size() + 1952, std::byte{0x21});
  return key;
}

TEST(Key, OfMlDsaIsRecognised) {
  const Bytes der = ml_dsa_key();
  const Key key = must(Key::parse(der)).front();
  EXPECT_EQ(key.kind(), KeyKind::kMlDsa);
  EXPECT_EQ(key.name(), "ML-DSA-65");
  EXPECT_FALSE(key.can_check());
  EXPECT_EQ(key.identifier().size(), 20u);
}

TEST(Key, IsNotParsedFromAPrefixOrFromOtherBytes) {
  const ScratchDirectory scratch;
  const auto files = test::make_key(scratch, "ec", test::kP256);
  const Bytes certificate = bytes_of_file(files.certificate_der());
  for (std::size_t size = 0; size < certificate.size(); ++size) {
    EXPECT_FALSE(Key::parse(ByteView(certificate).first(size))) << size;
  }
  for (const std::string& file : {files.pair(), scratch.file("none")}) {
    test::write_file(scratch.file("none"), as_bytes("no key"));
    const auto refused = Key::parse(bytes_of_file(file));
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, ErrorCode::kMalformed);
  }
  EXPECT_EQ(ERR_peek_error(), 0u);
}

TEST(KeysInFile, RefusesADamagedKeyOfAKnownKind) {
  const ScratchDirectory scratch;
  const auto files = test::make_key(scratch, "ec", test::kP256);
  must_run("openssl pkey -pubin -in " + files.public_key() + " -outform DER -out " + scratch.file("der"));
  Bytes der = bytes_of_file(scratch.file("der"));
  EXPECT_TRUE(keys_in_file(der));
  der.back() ^= std::byte{1};
  EXPECT_FALSE(keys_in_file(der)) << "the point is not on its curve";
}

}  // namespace key_test
}  // namespace imakeep::signature
