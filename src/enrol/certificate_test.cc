// SPDX-License-Identifier: Apache-2.0
#include "enrol/certificate.h"

#include <algorithm>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "enrol/test_support.h"
#include "support/programs.h"
#include "support/scratch_directory.h"

namespace imakeep::enrol {
namespace certificate_test {

using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr const char* kExtensions = R"([root]
basicConstraints=critical,CA:TRUE
keyUsage=critical,keyCertSign
[ca]
basicConstraints=critical,CA:TRUE,pathlen:0
keyUsage=critical,keyCertSign
[ek]
basicConstraints=critical,CA:FALSE
keyUsage=critical,keyAgreement
extendedKeyUsage=2.23.133.8.1
subjectAltName=critical,dirName:tpm
[ak]
basicConstraints=critical,CA:FALSE
extendedKeyUsage=2.23.133.8.3
[plain]
basicConstraints=critical,CA:FALSE
[server]
basicConstraints=critical,CA:FALSE
extendedKeyUsage=serverAuth
[critical]
basicConstraints=critical,CA:FALSE
1.2.3.4=critical,DER:0500
[tpm]
1.2.23.133.2.1=id:49465800
2.2.23.133.2.2=SLB9670
3.2.23.133.2.3=id:00070055
)";

// OpenSSL drops what comes before the first dot of a name in [tpm].
// Two makers, each with a root, an intermediate, and certificates of one P-256 key.
class Certificates : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    static const Made made;
    files = &made;
  }

  struct Made {
    Made() {
      test::write_file(scratch.file("extensions"), as_bytes(kExtensions));
      for (const char* const name : {"root", "ca", "key", "stranger", "self"}) new_key(name);
      issue("root", "root", "root");
      issue("ca", "ca", "root");
      issue("stranger", "root", "stranger");
      for (const char* const kind : {"ek", "ak", "plain", "server", "critical"}) issue("key", kind, "ca", kind);
      issue("self", "plain", "self");
      issue("key", "ek", "ca", "sha1", "-sha1");
      test::must_run("openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:1024 -out " + scratch.file("small.key"));
      issue("small", "ca", "root");
      issue("key", "ek", "small", "of-small");
    }
    void new_key(const std::string& name) const {
      test::must_run("openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out " +
                     scratch.file(name + ".key"));
    }
    // A certificate NAME.pem of the key, for 30 days.
    void issue(const std::string& key, const std::string& section, const std::string& issuer,
               const std::string& as = "", const std::string& more = "") const {
      const std::string name = scratch.file(as.empty() ? key : as);
      test::must_run("openssl req -new -key " + scratch.file(key + ".key") + " -subj '/CN=" + key + "' -out " + name +
                     ".csr");
      const std::string by = key == issuer ? "-signkey " + scratch.file(key + ".key")
                                           : "-CA " + scratch.file(issuer + ".pem") + " -CAkey " +
                                                 scratch.file(issuer + ".key") + " -CAcreateserial";
      test::must_run("openssl x509 -req -in " + name + ".csr " + by + " -days 30 -extfile " +
                     scratch.file("extensions") + " -extensions " + section + " " + more + " -out " + name + ".pem");
      test::must_run("openssl x509 -in " + name + ".pem -outform DER -out " + name + ".der");
    }
    const test::ScratchDirectory scratch;
  };

  static Bytes der(const std::string& name) { return test::bytes_of_file(files->scratch.file(name + ".der")); }
  static Bytes pem(const std::string& name) { return test::bytes_of_file(files->scratch.file(name + ".pem")); }
  static Certificate certificate(const std::string& name) { return test::must(Certificate::parse(der(name))); }
  static TrustStore trusting(std::initializer_list<const char*> names) {
    TrustStore trust;
    for (const char* const name : names) EXPECT_TRUE(trust.add(pem(name), name));
    return trust;
  }
  // "trusted", or the error's message.
  static std::string verifying(const TrustStore& trust, const std::string& name, CertifiedKey kind,
                               std::span<const Certificate> others = {},
                               std::optional<std::int64_t> at_unix_s = std::nullopt) {
    const auto verified = trust.verify(certificate(name), kind, others, at_unix_s);
    if (verified) return "trusted";
    EXPECT_EQ(verified.error().code, ErrorCode::kMismatch);
    return verified.error().message;
  }

  static inline const Made* files = nullptr;
};

TEST_F(Certificates, AreReadWithPaddingOfAnNvIndex) {
  const Bytes plain = der("ek");
  EXPECT_EQ(test::must(Certificate::parse(plain)).der(), plain);
  for (const std::byte padding : {std::byte{0}, std::byte{0xff}}) {
    Bytes padded = plain;
    padded.insert(padded.end(), 700, padding);
    EXPECT_EQ(test::must(Certificate::parse(padded)).der(), plain);
    padded.back() = std::byte{1};
    EXPECT_EQ(Certificate::parse(padded).error().code, ErrorCode::kMalformed);
  }
  EXPECT_EQ(Certificate::parse({}).error().code, ErrorCode::kMalformed);
  EXPECT_EQ(Certificate::parse(ByteView(plain).first(plain.size() - 1)).error().code, ErrorCode::kMalformed);
  EXPECT_EQ(Certificate::parse(Bytes(700, std::byte{0xff})).error().code, ErrorCode::kMalformed);
}

TEST_F(Certificates, TellTheirTpm) {
  EXPECT_EQ(certificate("ek").tpm_identity(),
            (TpmIdentity{.manufacturer = "id:49465800", .model = "SLB9670", .version = "id:00070055"}));
  EXPECT_FALSE(certificate("plain").tpm_identity());
  EXPECT_EQ(certificate("ek").subject(), "CN=key");
}

TEST_F(Certificates, LeadToARootOverIntermediatesFromEitherSide) {
  const std::vector<Certificate> sent = {certificate("ca")};
  EXPECT_EQ(verifying(trusting({"root", "ca"}), "ek", CertifiedKey::kEndorsement), "trusted");
  EXPECT_EQ(verifying(trusting({"root"}), "ek", CertifiedKey::kEndorsement, sent), "trusted");
  EXPECT_EQ(verifying(trusting({"root"}), "ak", CertifiedKey::kAttestation, sent), "trusted");
  for (const CertifiedKey kind : {CertifiedKey::kEndorsement, CertifiedKey::kAttestation}) {
    EXPECT_EQ(verifying(trusting({"root", "ca"}), "plain", kind), "trusted");
  }
}

TEST_F(Certificates, ThatLeadToNoRootAreRefused) {
  const std::string refused = "certificate refused (no-root): ";
  const std::vector<Certificate> sent = {certificate("ca"), certificate("root")};
  EXPECT_THAT(verifying(trusting({"root"}), "ek", CertifiedKey::kEndorsement), StartsWith(refused));
  EXPECT_THAT(verifying(trusting({"stranger"}), "ek", CertifiedKey::kEndorsement, sent), StartsWith(refused));
  EXPECT_THAT(verifying(TrustStore(), "ek", CertifiedKey::kEndorsement, sent), StartsWith(refused));
  // An intermediate alone is no root.
  EXPECT_THAT(verifying(trusting({"ca"}), "ek", CertifiedKey::kEndorsement), StartsWith(refused));
}

TEST_F(Certificates, OfAnotherPurposeAreRefused) {
  const TrustStore trust = trusting({"root", "ca"});
  const std::string refused = "certificate refused (purpose): ";
  EXPECT_THAT(verifying(trust, "ek", CertifiedKey::kAttestation), StartsWith(refused));
  EXPECT_THAT(verifying(trust, "ak", CertifiedKey::kEndorsement), StartsWith(refused));
  EXPECT_THAT(verifying(trust, "server", CertifiedKey::kEndorsement), StartsWith(refused));
}

TEST_F(Certificates, OfAuthoritiesAreRefused) {
  const TrustStore trust = trusting({"root", "ca"});
  for (const char* const name : {"ca", "root"}) {
    EXPECT_THAT(verifying(trust, name, CertifiedKey::kEndorsement), StartsWith("certificate refused (ca): "));
  }
}

TEST_F(Certificates, WithAnUnknownCriticalExtensionAreRefused) {
  EXPECT_THAT(verifying(trusting({"root", "ca"}), "critical", CertifiedKey::kEndorsement),
              StartsWith("certificate refused (critical): "));
}

TEST_F(Certificates, AreRefusedOutsideTheirDatesUnlessDatesAreNotChecked) {
  const TrustStore trust = trusting({"root", "ca"});
  const std::int64_t long_ago = 1'000'000'000;
  const std::int64_t far_away = 32'000'000'000;
  for (const std::int64_t at : {long_ago, far_away}) {
    EXPECT_THAT(verifying(trust, "ek", CertifiedKey::kEndorsement, {}, at),
                StartsWith("certificate refused (dates): "));
  }
  EXPECT_EQ(verifying(trust, "ek", CertifiedKey::kEndorsement), "trusted");
}

TEST_F(Certificates, WithAnotherSignatureAreRefused) {
  Bytes bytes = der("ek");
  bytes.back() ^= std::byte{1};
  const auto altered = Certificate::parse(bytes);
  ASSERT_TRUE(altered);
  const auto verified = trusting({"root", "ca"}).verify(*altered, CertifiedKey::kEndorsement, {}, std::nullopt);
  EXPECT_THAT(verified.error().message, StartsWith("certificate refused (chain): "));
}

TEST_F(Certificates, ThatRestOnWhatCanBeForgedAreRefused) {
  const TrustStore trust = trusting({"root", "ca", "small"});
  for (const char* const name : {"sha1", "of-small"}) {
    EXPECT_THAT(verifying(trust, name, CertifiedKey::kEndorsement), StartsWith("certificate refused (weak): ")) << name;
  }
}

TEST_F(Certificates, ThatNobodyElseSignedAreRefused) {
  EXPECT_THAT(verifying(trusting({"root"}), "self", CertifiedKey::kEndorsement),
              StartsWith("certificate refused (no-root): "));
}

TEST_F(Certificates, AreOfTheKeyInThePublicArea) {
  // The last 64 bytes of a P-256 key in DER are its point.
  const std::string out = files->scratch.file("point");
  test::must_run("openssl pkey -in " + files->scratch.file("key.key") + " -pubout -outform DER -out " + out);
  const Bytes info = test::bytes_of_file(out);
  const ByteView point = ByteView(info).last(64);
  const Bytes area = marshalled(ecc_ek(point.first(32), point.last(32)));
  EXPECT_TRUE(check_certified(certificate("ek"), area));
  EXPECT_TRUE(check_certified(certificate("ak"), marshalled(ecc_ak(point.first(32), point.last(32)))));
  EXPECT_THAT(check_certified(certificate("ca"), area).error().message,
              StartsWith("certificate refused (other-key): "));
  EXPECT_FALSE(check_certified(certificate("ek"), marshalled(ecc_ek(generator_x(), generator_y()))));
  EXPECT_FALSE(check_certified(certificate("ek"), marshalled(rsa_ek(some_modulus()))));
}

TEST_F(Certificates, OfAnRsaKeyForOaepOnlyAreCompared) {
  const std::string stem = files->scratch.file("oaep");
  test::must_run("openssl req -x509 -newkey rsa:2048 -nodes -keyout " + stem +
                 ".key -subj /CN=x -days 30 -outform DER -out " + stem + ".der");
  test::must_run("openssl rsa -in " + stem + ".key -pubout -RSAPublicKey_out -outform DER -out " + stem + ".rsa");
  // RFC 8017, A.1.1: SEQUENCE, INTEGER of 257 bytes with a zero in front, INTEGER 65537.
  const Bytes key = test::bytes_of_file(stem + ".rsa");
  const Bytes area = marshalled(rsa_ek(ByteView(key).subspan(9, 256)));
  Bytes bytes = test::bytes_of_file(stem + ".der");
  EXPECT_TRUE(check_certified(test::must(Certificate::parse(bytes)), area));
  // rsaEncryption becomes id-RSAES-OAEP.
  const Bytes oid = *from_hex("06092a864886f70d010101");
  const auto at = std::search(bytes.begin(), bytes.end(), oid.begin(), oid.end());
  ASSERT_NE(at, bytes.end());
  at[10] = std::byte{7};
  const Certificate for_oaep = test::must(Certificate::parse(bytes));
  EXPECT_TRUE(check_certified(for_oaep, area));
  EXPECT_FALSE(check_certified(for_oaep, marshalled(rsa_ek(some_modulus()))));
  EXPECT_THAT(for_oaep.endorsement_key().error().message, HasSubstr("send its public area"));
}

TEST_F(Certificates, GiveTheEndorsementKeyOfTheirTemplate) {
  const auto ek = certificate("ek").endorsement_key();
  ASSERT_TRUE(ek);
  EXPECT_EQ(ek->name_hash(), digest::Algorithm::kSha256);
}

TEST_F(Certificates, InAFileOfRootsAreAllTaken) {
  TrustStore trust;
  Bytes both = pem("ca");
  append_bytes(both, pem("root"));
  EXPECT_TRUE(trust.add(both, "both.pem"));
  EXPECT_EQ(trust.roots(), 1u);
  EXPECT_TRUE(trust.add(der("stranger"), "stranger.der"));
  EXPECT_EQ(trust.roots(), 2u);
  EXPECT_EQ(verifying(trust, "ek", CertifiedKey::kEndorsement), "trusted");
}

TEST_F(Certificates, InADamagedFileOfRootsAreRefusedWithItsName) {
  Bytes damaged = pem("root");
  append_bytes(damaged, as_bytes("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"));
  for (const Bytes& bytes : {damaged, Bytes(), Bytes(4), Bytes(10, std::byte{'x'})}) {
    TrustStore trust;
    const auto added = trust.add(bytes, "roots.pem");
    ASSERT_FALSE(added);
    EXPECT_EQ(added.error().code, ErrorCode::kMalformed);
    EXPECT_THAT(added.error().message, StartsWith("roots.pem: "));
    EXPECT_EQ(trust.roots(), 0u);
  }
}

// ---- certificates of swtpm's own authority

TEST(SwtpmCertificates, LeadToTheirRoot) {
  if (test::run("command -v swtpm_setup && command -v swtpm_localca").code != 0) {
    GTEST_SKIP() << "swtpm_setup is not installed (Debian: apt install swtpm-tools)";
  }
  const test::ScratchDirectory scratch;
  for (const char* const folder : {"config", "state", "out"}) test::must_run("mkdir " + scratch.file(folder));
  const std::string configured = "XDG_CONFIG_HOME=" + scratch.file("config") + " swtpm_setup ";
  test::must_run(configured + "--create-config-files overwrite,root");
  test::must_run(configured + "--tpm2 --tpmstate " + scratch.file("state") +
                 " --create-ek-cert --write-ek-cert-files " + scratch.file("out"));
  const std::string authority = scratch.file("config") + "/var/lib/swtpm-localca/";
  TrustStore trust;
  ASSERT_TRUE(trust.add(test::bytes_of_file(authority + "swtpm-localca-rootca-cert.pem"), "root"));
  ASSERT_TRUE(trust.add(test::bytes_of_file(authority + "issuercert.pem"), "issuer"));
  EXPECT_EQ(trust.roots(), 1u);
  const struct {
    const char* file;
    digest::Algorithm name_hash;
  } certified[] = {{"/ek-rsa2048.crt", digest::Algorithm::kSha256}, {"/ek-secp384r1.crt", digest::Algorithm::kSha384}};
  for (const auto& each : certified) {
    const auto ek = Certificate::parse(test::bytes_of_file(scratch.file("out") + each.file));
    ASSERT_TRUE(ek) << each.file;
    const auto verified = trust.verify(*ek, CertifiedKey::kEndorsement, {}, std::nullopt);
    EXPECT_TRUE(verified) << verified.error().message;
    ASSERT_TRUE(ek->tpm_identity());
    EXPECT_EQ(ek->tpm_identity()->model, "swtpm");
    EXPECT_EQ(ek->endorsement_key()->name_hash(), each.name_hash);
  }
}

}  // namespace certificate_test
}  // namespace imakeep::enrol
