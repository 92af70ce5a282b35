// SPDX-License-Identifier: Apache-2.0
// A real swtpm; tpm2-tools make the credentials and check the quotes.
#include "tpm/esys/esys_attestation_tpm.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/programs.h"
#include "support/scratch_directory.h"
#include "support/swtpm.h"

namespace imakeep::tpm {
namespace esys_attestation_tpm_test {

using test::must;
using test::must_run;
using test::ScratchDirectory;
using test::Swtpm;
using testing::HasSubstr;

const std::string kSecret = "a secret of 28 bytes, or so.";

class AttestingTpm : public testing::Test {
 protected:
  void SetUp() override {
    if (!Swtpm::installed()) GTEST_SKIP() << Swtpm::kNotInstalled;
    if (test::run("command -v tpm2_makecredential").code != 0) GTEST_SKIP() << "tpm2-tools are not installed";
    swtpm_ = must(Swtpm::start());
    tpm_ = must(EsysAttestationTpm::open(swtpm_->tcti()));
  }
  void TearDown() override {
    if (!swtpm_) return;
    EXPECT_EQ(handles("handles-transient"), "") << "keys were left in the TPM";
    EXPECT_EQ(handles("handles-loaded-session"), "") << "sessions were left in the TPM";
  }

  std::string tool(const std::string& command) const {
    const std::size_t end = command.find(' ');
    return must_run(command.substr(0, end) + " -T '" + swtpm_->tcti() + "'" + command.substr(end));
  }
  std::string handles(const std::string& kind) const { return tool("tpm2_getcap " + kind); }

  static Bytes name_of(const Bytes& public_area) {
    Bytes name = {std::byte{0x00}, std::byte{0x0b}};
    const digest::Digest digest = digest::hash(digest::Algorithm::kSha256, ByteView(public_area).subspan(2));
    append_bytes(name, digest.view());
    return name;
  }
  Credential credential(const EndorsementKey& ek, const SavedKey& ak) const {
    test::write_file(scratch_.file("ek.pub"), ek.public_area);
    test::write_file(scratch_.file("secret"), as_bytes(kSecret));
    must_run("tpm2_makecredential -T none -e " + scratch_.file("ek.pub") + " -s " + scratch_.file("secret") + " -n " +
             to_hex(name_of(ak.public_area)) + " -o " + scratch_.file("credential"));
    return must(parse_credential(test::bytes_of_file(scratch_.file("credential"))));
  }
  // A certificate of `bytes` bytes, as DER, with `padding` bytes 0xff after it in the NV index.
  Bytes put_certificate(const std::string& index, std::size_t bytes, std::size_t padding) const {
    Bytes certificate = {std::byte{0x30}, std::byte{0x82}};
    append_int(certificate, static_cast<std::uint16_t>(bytes - 4), ByteOrder::kBig);
    while (certificate.size() < bytes) certificate.push_back(static_cast<std::byte>(certificate.size()));
    Bytes padded = certificate;
    padded.resize(bytes + padding, std::byte{0xff});
    test::write_file(scratch_.file("nv"), padded);
    tool("tpm2_nvdefine " + index + " -C p -s " + std::to_string(padded.size()) +
         " -a 'ppwrite|ppread|authread|ownerread|no_da|platformcreate'");
    tool("tpm2_nvwrite " + index + " -C p -i " + scratch_.file("nv"));
    return certificate;
  }

  ScratchDirectory scratch_;
  std::unique_ptr<Swtpm> swtpm_;
  std::unique_ptr<EsysAttestationTpm> tpm_;
};

TEST_F(AttestingTpm, MakesAKeyThatSignsOnlyStatementsOfItsTpm) {
  const SavedKey key = must(tpm_->make_key());
  EXPECT_EQ(key.parent, KeyParent::kEccPrimary);
  const PublicKey parsed = must(parse_public_key(key.public_area));
  EXPECT_TRUE(parsed.attests);
  EXPECT_TRUE(parsed.ecc);
  test::write_file(scratch_.file("ak.pub"), key.public_area);
  const std::string printed = must_run("tpm2_print -t TPM2B_PUBLIC " + scratch_.file("ak.pub"));
  EXPECT_THAT(printed, HasSubstr("fixedtpm|fixedparent|sensitivedataorigin|userwithauth|noda|restricted|sign"));
  EXPECT_THAT(printed, HasSubstr("ecdsa"));
}

TEST_F(AttestingTpm, OpensACredentialThatTpm2ToolsMadeForEitherKindOfEk) {
  const SavedKey ak = must(tpm_->make_key());
  const EndorsementKey rsa = must(tpm_->endorsement_key());
  EXPECT_EQ(rsa.kind, EkKind::kRsa2048);
  EXPECT_TRUE(rsa.certificate.empty());
  EXPECT_EQ(as_text(must(tpm_->activate(ak, rsa.kind, credential(rsa, ak)))), kSecret);
  const Bytes certificate = put_certificate("0x01c0000a", 700, 0);
  const EndorsementKey ecc = must(tpm_->endorsement_key());
  EXPECT_EQ(ecc.kind, EkKind::kEccP256);
  EXPECT_EQ(ecc.certificate, certificate);
  EXPECT_EQ(as_text(must(tpm_->activate(ak, ecc.kind, credential(ecc, ak)))), kSecret);
}

TEST_F(AttestingTpm, HasTheEkOfTheDefaultTemplate) {
  const EndorsementKey rsa = must(tpm_->endorsement_key());
  tool("tpm2_createek -G rsa -c " + scratch_.file("ek.ctx") + " -u " + scratch_.file("tools.pub"));
  EXPECT_EQ(test::bytes_of_file(scratch_.file("tools.pub")), rsa.public_area);
  put_certificate("0x01c0000a", 700, 0);
  const EndorsementKey ecc = must(tpm_->endorsement_key());
  tool("tpm2_flushcontext -t");
  tool("tpm2_createek -G ecc -c " + scratch_.file("ek.ctx") + " -u " + scratch_.file("tools.pub"));
  EXPECT_EQ(test::bytes_of_file(scratch_.file("tools.pub")), ecc.public_area);
  tool("tpm2_flushcontext -t");
}

TEST_F(AttestingTpm, ReadsACertificateInPiecesWithoutItsPadding) {
  const Bytes certificate = put_certificate("0x01c00002", 1100, 100);
  const EndorsementKey ek = must(tpm_->endorsement_key());
  EXPECT_EQ(ek.kind, EkKind::kRsa2048);
  EXPECT_EQ(ek.certificate, certificate);
}

TEST_F(AttestingTpm, RefusesACredentialForAnotherKey) {
  const SavedKey ak = must(tpm_->make_key());
  const SavedKey other = must(tpm_->make_key());
  const EndorsementKey ek = must(tpm_->endorsement_key());
  const auto opened = tpm_->activate(ak, ek.kind, credential(ek, other));
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, ErrorCode::kMismatch);
  EXPECT_THAT(opened.error().message, HasSubstr("opening the verifier's credential"));
}

TEST_F(AttestingTpm, MakesAQuoteThatTpm2ToolsAccept) {
  const SavedKey key = must(tpm_->make_key());
  const digest::Bank sha256 = digest::bank_of(digest::Algorithm::kSha256);
  tool("tpm2_pcrextend 10:sha256=" + std::string(64, '7'));
  const std::vector<PcrSelection> selections = {{.bank = sha256, .pcrs = {0, 1, 10, 23}}};
  const Bytes nonce(32, std::byte{0x5a});
  const SignedQuote made = must(tpm_->quote(key, nonce, selections));
  const Quote quote = must(parse_quote(made.quote));
  EXPECT_EQ(quote.extra_data, nonce);
  ASSERT_EQ(quote.selections.size(), 1u);
  EXPECT_EQ(quote.selections[0].pcrs, selections[0].pcrs);
  Bytes values;
  for (const std::uint32_t pcr : selections[0].pcrs) {
    const auto& banks = tpm_->pcrs().banks();
    const auto at = static_cast<std::size_t>(std::ranges::find(banks, sha256) - banks.begin());
    append_bytes(values, must(tpm_->pcrs().read(pcr))[at].view());
  }
  const digest::Digest digest = digest::hash(digest::Algorithm::kSha256, values);
  EXPECT_TRUE(equal(digest.view(), quote.pcr_digest));
  test::write_file(scratch_.file("ak.pub"), key.public_area);
  test::write_file(scratch_.file("quote"), made.quote);
  test::write_file(scratch_.file("signature"), made.signature);
  const std::string check = "tpm2_checkquote -u " + scratch_.file("ak.pub") + " -m " + scratch_.file("quote") + " -s " +
                            scratch_.file("signature") + " -g sha256 -q ";
  EXPECT_EQ(test::run(check + to_hex(nonce)).code, 0);
  EXPECT_NE(test::run(check + std::string(64, '0')).code, 0) << "another nonce";
}

TEST_F(AttestingTpm, UsesASavedKeyAfterAReset) {
  const SavedKey key = must(tpm_->make_key());
  const std::vector<PcrSelection> selections = {{.bank = digest::bank_of(digest::Algorithm::kSha256), .pcrs = {10}}};
  const Quote before = must(parse_quote(must(tpm_->quote(key, {}, selections)).quote));
  tpm_.reset();
  ASSERT_TRUE(swtpm_->restart());
  tpm_ = must(EsysAttestationTpm::open(swtpm_->tcti()));
  const Quote after = must(parse_quote(must(tpm_->quote(key, {}, selections)).quote));
  EXPECT_EQ(after.clock.reset_count, before.clock.reset_count + 1);
  EXPECT_EQ(after.signer, before.signer);
}

TEST_F(AttestingTpm, RefusesAKeyOfAnotherTpm) {
  const auto other = must(Swtpm::start());
  const SavedKey key = must(must(EsysAttestationTpm::open(other->tcti()))->make_key());
  const auto quoted = tpm_->quote(key, {}, {{.bank = digest::bank_of(digest::Algorithm::kSha256), .pcrs = {10}}});
  ASSERT_FALSE(quoted);
  EXPECT_EQ(quoted.error().code, ErrorCode::kMismatch);
  EXPECT_THAT(quoted.error().message, HasSubstr("enrol this host again"));
}

TEST_F(AttestingTpm, MakesTheKeyUnderAStorageKeyThatTheTpmKeeps) {
  tool("tpm2_createprimary -C o -G ecc -c " + scratch_.file("srk.ctx"));
  tool("tpm2_evictcontrol -C o -c " + scratch_.file("srk.ctx") + " 0x81000001");
  tool("tpm2_flushcontext -t");
  const SavedKey key = must(tpm_->make_key());
  EXPECT_EQ(key.parent, KeyParent::kPersistent);
  const std::vector<PcrSelection> selections = {{.bank = digest::bank_of(digest::Algorithm::kSha256), .pcrs = {10}}};
  EXPECT_TRUE(tpm_->quote(key, {}, selections));
  tool("tpm2_evictcontrol -C o -c 0x81000001");
  const auto without = tpm_->quote(key, {}, selections);
  ASSERT_FALSE(without);
  EXPECT_THAT(without.error().message, HasSubstr("0x81000001"));
}

TEST_F(AttestingTpm, SaysWhichHierarchyHasAPassword) {
  const SavedKey key = must(tpm_->make_key());
  tool("tpm2_changeauth -c e secret");
  const auto ek = tpm_->endorsement_key();
  ASSERT_FALSE(ek);
  EXPECT_EQ(ek.error().code, ErrorCode::kEnvironment);
  EXPECT_THAT(ek.error().message, HasSubstr("the endorsement hierarchy has a password"));
  tool("tpm2_changeauth -c o secret");
  const auto quoted = tpm_->quote(key, {}, {{.bank = digest::bank_of(digest::Algorithm::kSha256), .pcrs = {10}}});
  ASSERT_FALSE(quoted);
  EXPECT_THAT(quoted.error().message, HasSubstr("the owner's hierarchy has a password"));
}

}  // namespace esys_attestation_tpm_test
}  // namespace imakeep::tpm
