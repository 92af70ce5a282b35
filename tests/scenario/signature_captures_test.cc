// SPDX-License-Identifier: Apache-2.0
// The signatures in the lists that a real kernel gave, against the keys that made them: testdata/README.md.
#include <set>

#include <gtest/gtest.h>

#include "imalog/test_support.h"
#include "signature/check.h"
#include "signature/modsig.h"

namespace imakeep::signature {
namespace {

using imalog::FieldId;
using imalog::test::Capture;
using imalog::test::must;

// The fields of one record that are about signatures. Borrowed from the list.
struct SignedRecord {
  ByteView digest;
  ByteView signature;
  ByteView modsig_digest;
  ByteView modsig;
};

std::optional<SignedRecord> signed_record(const imalog::RecordView& record) {
  const auto fields = imalog::Template::find(record.template_name);
  if (!fields || record.content().violation) return std::nullopt;
  SignedRecord found;
  imalog::FieldReader reader(*fields, record.template_name, record.body, ByteOrder::kLittle);
  while (const auto field = must(reader.next())) {
    if (field->id == FieldId::kDNg || field->id == FieldId::kDNgV2) found.digest = field->bytes;
    if (field->id == FieldId::kSig || field->id == FieldId::kEvmsig) found.signature = field->bytes;
    if (field->id == FieldId::kDModsig) found.modsig_digest = field->bytes;
    if (field->id == FieldId::kModsig) found.modsig = field->bytes;
  }
  return found;
}

Keyrings captured_keys() {
  Keyrings keyrings;
  for (const std::string name : {"rsa", "ec"}) {
    const auto keys = must(read_key_file(std::string(IMAKEEP_TESTDATA) + "/keys/" + name + ".crt.pem"));
    must(keyrings.add(".ima", keys.front()));
  }
  return keyrings;
}

TEST(CapturedSignatures, AreAllVerifiedByTheKeysThatMadeThem) {
  const Keyrings keyrings = captured_keys();
  std::set<std::string> signers;
  std::size_t signatures = 0;
  for (const Capture& capture : imalog::test::kCaptures) {
    const Bytes list = imalog::test::captured_binary(capture, imalog::test::bank("sha256"));
    for (const auto& record : imalog::test::records_of(list, imalog::test::format_of(imalog::test::bank("sha256")))) {
      const auto fields = signed_record(record);
      if (!fields || fields->signature.empty()) continue;
      const FileDigestView digest = must(parse_digest_field(fields->digest));
      const auto checked = check_signature(must(parse_signature(fields->signature)), {.file = digest}, keyrings);
      EXPECT_EQ(checked.outcome, Outcome::kVerified) << describe(checked);
      signers.insert(std::string(info(checked.algorithm).name) + " " + checked.signer->key_name);
      ++signatures;
    }
  }
  EXPECT_GE(signatures, 3u);
  EXPECT_EQ(signers, (std::set<std::string>{"sha256 ECDSA P-256", "sha256 RSA 2048", "sha512 RSA 2048"}));
}

TEST(CapturedSignatures, AreRefusedIfTheDigestOfAnotherRecordTakesThePlaceOfTheirs) {
  const Keyrings keyrings = captured_keys();
  const digest::Bank bank = imalog::test::bank("sha256");
  const Bytes list = imalog::test::captured_binary(imalog::test::kCaptures.front(), bank);
  std::vector<SignedRecord> all;
  for (const auto& record : imalog::test::records_of(list, imalog::test::format_of(bank))) {
    if (const auto fields = signed_record(record); fields && !fields->digest.empty()) all.push_back(*fields);
  }
  std::size_t pairs = 0;
  for (const SignedRecord& signed_one : all) {
    if (signed_one.signature.empty()) continue;
    for (const SignedRecord& other : all) {
      if (equal(other.digest, signed_one.digest)) continue;
      const auto checked = check_signature(must(parse_signature(signed_one.signature)),
                                           {.file = must(parse_digest_field(other.digest))}, keyrings);
      EXPECT_TRUE(checked.outcome == Outcome::kBadSignature || checked.outcome == Outcome::kOtherDigest);
      ++pairs;
    }
  }
  EXPECT_GT(pairs, 100u);
}

// No module was measured: the fields of the captures are empty, and an empty field is no signature.
TEST(CapturedSignatures, OfModulesAreEmptyFieldsWhichAreRefused) {
  const digest::Bank bank = imalog::test::bank("sha256");
  const Bytes list = imalog::test::captured_binary(imalog::test::kCaptures.front(), bank);
  std::size_t records = 0;
  for (const auto& record : imalog::test::records_of(list, imalog::test::format_of(bank))) {
    if (record.template_name != "ima-modsig") continue;
    const auto fields = signed_record(record);
    ++records;
    EXPECT_TRUE(fields->modsig_digest.empty());
    EXPECT_EQ(Modsig::parse(fields->modsig).error().code, ErrorCode::kMalformed);
  }
  EXPECT_EQ(records, 3u);
}

}  // namespace
}  // namespace imakeep::signature
