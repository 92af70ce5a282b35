// SPDX-License-Identifier: Apache-2.0
#include "enrol/make_credential.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "enrol/ak_check.h"
#include "enrol/test_support.h"
#include "support/programs.h"
#include "support/scratch_directory.h"
#include "support/swtpm.h"

namespace imakeep::enrol {
namespace make_credential_test {

using ::testing::StartsWith;

Bytes sequence(std::size_t size, std::uint8_t first) {
  Bytes bytes;
  for (std::size_t i = 0; i < size; ++i) bytes.push_back(static_cast<std::byte>(first + i));
  return bytes;
}

std::string taking(const TPMT_PUBLIC& area) {
  const auto ek = EndorsementKey::from_public(marshalled(area));
  if (ek) return "taken";
  EXPECT_EQ(ek.error().code, ErrorCode::kUnsupported);
  return ek.error().message;
}

TEST(EndorsementKey, IsTakenFromItsPublicArea) {
  const auto rsa = EndorsementKey::from_public(marshalled(rsa_ek(some_modulus())));
  ASSERT_TRUE(rsa) << rsa.error().message;
  EXPECT_EQ(rsa->seed_bytes(), 32u);
  const auto ecc = EndorsementKey::from_public(marshalled(ecc_ek(generator_x(), generator_y())));
  ASSERT_TRUE(ecc) << ecc.error().message;
  EXPECT_EQ(ecc->seed_bytes(), 0u);
  EXPECT_EQ(ecc->name_hash(), digest::Algorithm::kSha256);
}

TEST(EndorsementKey, IsRefusedWithItsReason) {
  const auto changed = [](auto change) {
    TPMT_PUBLIC area = ecc_ek(generator_x(), generator_y());
    change(area);
    return taking(area);
  };
  for (const TPMA_OBJECT attribute :
       {TPMA_OBJECT_RESTRICTED, TPMA_OBJECT_DECRYPT, TPMA_OBJECT_FIXEDTPM, TPMA_OBJECT_SIGN_ENCRYPT}) {
    EXPECT_THAT(changed([attribute](TPMT_PUBLIC& a) { a.objectAttributes ^= attribute; }),
                StartsWith("EK refused (not-storage): "));
  }
  EXPECT_THAT(changed([](TPMT_PUBLIC& a) { a.parameters.eccDetail.symmetric.algorithm = TPM2_ALG_NULL; }),
              StartsWith("EK refused (symmetric): "));
  EXPECT_THAT(changed([](TPMT_PUBLIC& a) { a.parameters.eccDetail.symmetric.mode.aes = TPM2_ALG_CTR; }),
              StartsWith("EK refused (symmetric): "));
  EXPECT_THAT(changed([](TPMT_PUBLIC& a) { a.nameAlg = TPM2_ALG_SHA1; }), StartsWith("EK refused (weak): "));
  EXPECT_THAT(changed([](TPMT_PUBLIC& a) { a.parameters.eccDetail.curveID = TPM2_ECC_NIST_P224; }),
              StartsWith("EK refused (weak): "));
  EXPECT_THAT(taking(rsa_ek(some_modulus(128))), StartsWith("EK refused (weak): "));
  EXPECT_THAT(changed([](TPMT_PUBLIC& a) { a.unique.ecc.y.buffer[31] ^= 1; }), StartsWith("EK refused (not-a-key): "));
}

TEST(MakeCredential, NeedsSizesThatTheEkAllows) {
  const auto ek = *EndorsementKey::from_public(marshalled(rsa_ek(some_modulus())));
  const Bytes name = sequence(34, 0);
  EXPECT_TRUE(make_credential(ek, name, Bytes(32), Bytes(32)));
  EXPECT_EQ(make_credential(ek, name, Bytes(33), Bytes(32)).error().code, ErrorCode::kUsage);
  EXPECT_EQ(make_credential(ek, name, {}, Bytes(32)).error().code, ErrorCode::kUsage);
  EXPECT_EQ(make_credential(ek, name, Bytes(32), Bytes(31)).error().code, ErrorCode::kUsage);
  EXPECT_EQ(make_credential(ek, {}, Bytes(32), Bytes(32)).error().code, ErrorCode::kUsage);
}

TEST(CredentialFile, IsReadAsItWasWritten) {
  const Credential credential = {.id_object = sequence(50, 0), .encrypted_secret = sequence(256, 50)};
  const Bytes file = credential_file(credential);
  EXPECT_THAT(to_hex(file), StartsWith("badcc0de000000010032000102"));
  EXPECT_EQ(*parse_credential_file(file), credential);
  for (std::size_t size = 0; size < file.size(); ++size) {
    EXPECT_EQ(parse_credential_file(ByteView(file).first(size)).error().code, ErrorCode::kTruncated) << size;
  }
  Bytes longer = file;
  longer.push_back(std::byte{0});
  EXPECT_EQ(parse_credential_file(longer).error().code, ErrorCode::kMalformed);
  Bytes magic = file;
  magic[0] = std::byte{0};
  EXPECT_EQ(parse_credential_file(magic).error().code, ErrorCode::kMalformed);
  Bytes version = file;
  version[7] = std::byte{2};
  EXPECT_EQ(parse_credential_file(version).error().code, ErrorCode::kUnsupported);
  Bytes large = file;
  large[8] = std::byte{0xff};
  EXPECT_EQ(parse_credential_file(large).error().code, ErrorCode::kMalformed);
}

// ---- a real TPM, asked by tpm2-tools

class InATpm : public ::testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    if (!test::Swtpm::installed()) GTEST_SKIP() << test::Swtpm::kNotInstalled;
    if (test::run("command -v tpm2_createek").code != 0) GTEST_SKIP() << "tpm2-tools is not installed";
    swtpm = test::must(test::Swtpm::start());
    tool("createek -Q -c " + kEkHandle + " -G " + GetParam() + " -u " + scratch.file("ek.pub"));
    tool("createak -Q -C " + kEkHandle + " -c " + scratch.file("ak.ctx") + " -G ecc -g sha256 -s ecdsa -u " +
         scratch.file("ak.pub") + " -n " + scratch.file("ak.name"));
    tool("flushcontext -t");
  }

  std::string command(const std::string& line) const {
    return "TPM2TOOLS_TCTI=" + swtpm->tcti() + " TSS2_LOG=all+none tpm2_" + line;
  }
  void tool(const std::string& line) const { test::must_run(command(line)); }

  // What tpm2_activatecredential gives back; nothing if it refuses.
  std::optional<Bytes> activated(const Bytes& file) const {
    test::write_file(scratch.file("credential"), file);
    const std::string session = scratch.file("session");
    tool("startauthsession --policy-session -S " + session);
    tool("policysecret -Q -S " + session + " -c e");
    const auto ran =
        test::run(command("activatecredential -Q -c " + scratch.file("ak.ctx") + " -C " + kEkHandle + " -i " +
                          scratch.file("credential") + " -o " + scratch.file("secret") + " -P session:" + session));
    tool("flushcontext " + session);
    tool("flushcontext -t");
    if (ran.code != 0) return std::nullopt;
    return test::bytes_of_file(scratch.file("secret"));
  }

  EndorsementKey ek() const {
    return test::must(EndorsementKey::from_public(test::bytes_of_file(scratch.file("ek.pub"))));
  }

  const std::string kEkHandle = "0x81010001";
  const test::ScratchDirectory scratch;
  std::unique_ptr<test::Swtpm> swtpm;
};

TEST_P(InATpm, TheSecretComesBack) {
  const auto ak = check_ak(test::bytes_of_file(scratch.file("ak.pub")));
  ASSERT_TRUE(ak) << ak.error().message;
  EXPECT_EQ(ak->name, test::bytes_of_file(scratch.file("ak.name")));
  const EndorsementKey key = ek();
  for (const std::size_t size : {std::size_t{1}, std::size_t{16}, std::size_t{32}}) {
    const Bytes secret = sequence(size, 7);
    const auto credential = make_credential(key, ak->name, secret, sequence(key.seed_bytes(), 99));
    ASSERT_TRUE(credential) << credential.error().message;
    EXPECT_EQ(activated(credential_file(*credential)), secret);
  }
}

TEST_P(InATpm, ACredentialForAnotherNameIsRefused) {
  Bytes name = test::bytes_of_file(scratch.file("ak.name"));
  name.back() ^= std::byte{1};
  const EndorsementKey key = ek();
  const auto credential = make_credential(key, name, sequence(32, 7), sequence(key.seed_bytes(), 99));
  ASSERT_TRUE(credential);
  EXPECT_FALSE(activated(credential_file(*credential)));
}

TEST_P(InATpm, TheFileOfTpm2ToolsHasTheSameForm) {
  test::write_file(scratch.file("given"), sequence(32, 7));
  tool("makecredential -Q -u " + scratch.file("ek.pub") + " -s " + scratch.file("given") + " -n " +
       to_hex(test::bytes_of_file(scratch.file("ak.name"))) + " -o " + scratch.file("theirs"));
  const Bytes theirs = test::bytes_of_file(scratch.file("theirs"));
  const auto credential = parse_credential_file(theirs);
  ASSERT_TRUE(credential) << credential.error().message;
  EXPECT_EQ(credential_file(*credential), theirs);
  EXPECT_EQ(activated(theirs), sequence(32, 7));
  // Ours has parts of the same sizes.
  const EndorsementKey key = ek();
  const auto ours = make_credential(key, test::bytes_of_file(scratch.file("ak.name")), sequence(32, 7),
                                    sequence(key.seed_bytes(), 99));
  ASSERT_TRUE(ours);
  EXPECT_EQ(ours->id_object.size(), credential->id_object.size());
}

TEST_P(InATpm, TheDefaultTemplateIsThatOfTheTpm) {
  const auto key = EndorsementKey::with_default_template(ek().key());
  ASSERT_TRUE(key) << key.error().message;
  const Bytes secret = sequence(32, 7);
  const auto credential =
      make_credential(*key, test::bytes_of_file(scratch.file("ak.name")), secret, sequence(key->seed_bytes(), 99));
  ASSERT_TRUE(credential);
  EXPECT_EQ(activated(credential_file(*credential)), secret);
}

// A storage key with sha384 and AES-256 in the place of an EK of TCG's high range, which tpm2_createek does not make.
TEST_P(InATpm, TheSecretComesBackFromAKeyOfTheHighRange) {
  const std::string kind = GetParam() == std::string("rsa") ? "rsa3072" : "ecc384";
  const std::string handle = "0x81010002";
  tool("createprimary -Q -C e -g sha384 -G " + kind + ":aes256cfb -c " + scratch.file("high.ctx") +
       " -a 'fixedtpm|fixedparent|sensitivedataorigin|userwithauth|restricted|decrypt'");
  tool("evictcontrol -Q -C o -c " + scratch.file("high.ctx") + " " + handle);
  tool("readpublic -Q -c " + handle + " -o " + scratch.file("high.pub"));
  tool("flushcontext -t");
  const auto key = EndorsementKey::from_public(test::bytes_of_file(scratch.file("high.pub")));
  ASSERT_TRUE(key) << key.error().message;
  EXPECT_EQ(key->name_hash(), digest::Algorithm::kSha384);
  const Bytes secret = sequence(48, 7);
  const auto credential =
      make_credential(*key, test::bytes_of_file(scratch.file("ak.name")), secret, sequence(key->seed_bytes(), 99));
  ASSERT_TRUE(credential) << credential.error().message;
  test::write_file(scratch.file("credential"), credential_file(*credential));
  tool("activatecredential -Q -c " + scratch.file("ak.ctx") + " -C " + handle + " -i " + scratch.file("credential") +
       " -o " + scratch.file("secret"));
  EXPECT_EQ(test::bytes_of_file(scratch.file("secret")), secret);
}

INSTANTIATE_TEST_SUITE_P(Eks, InATpm, ::testing::Values("rsa", "ecc"),
                         [](const ::testing::TestParamInfo<const char*>& kind) { return std::string(kind.param); });

}  // namespace make_credential_test
}  // namespace imakeep::enrol
