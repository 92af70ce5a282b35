// SPDX-License-Identifier: Apache-2.0
#include "imalog/list_kind.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "imalog/cel.h"
#include "imalog/test_support.h"

namespace imakeep::imalog {
namespace list_kind_test {

using namespace std::string_view_literals;

std::string kind_of(std::string_view front) {
  return other_kind(as_bytes(front)).value_or("a list");
}

TEST(OtherKind, NamesTheAsciiListOfEveryBankAndTemplate) {
  for (const char* const bank : {"sha1", "sha256", "sha384", "sha512"}) {
    const Bytes ascii = test::captured("templates", std::string("ascii_runtime_measurements_") + bank);
    EXPECT_EQ(other_kind(ascii), "an ASCII list; give the binary one: binary_runtime_measurements");
  }
  EXPECT_EQ(kind_of(" 0 0000000000000000000000000000000000000000 ima-ng sha1:00 /v\n"),
            "an ASCII list; give the binary one: binary_runtime_measurements");
}

// A log of one record in each of TCG's encodings, as `imakeep log --format` writes it.
TEST(OtherKind, NamesEachEncodingOfACanonicalEventLog) {
  const auto content = test::ima_ng("/a");
  const auto digests = cel_digests(content.view(), std::vector{test::bank("sha256")});
  Bytes tlv;
  append_cel_tlv(tlv, 0, content.view(), digests);
  EXPECT_EQ(other_kind(tlv), "a Canonical Event Log (TLV); give binary_runtime_measurements");
  for (const std::uint64_t records : {1u, 100u, 1000u, 100000u}) {
    Bytes cbor;
    append_cel_cbor_begin(cbor, records);
    append_cel_cbor(cbor, 0, content.view(), digests);
    EXPECT_EQ(other_kind(cbor), "a Canonical Event Log (CBOR); give binary_runtime_measurements");
  }
  std::string json(kCelJsonBegin);
  append_cel_json(json, 0, content.view(), digests);
  EXPECT_EQ(kind_of(json), "a Canonical Event Log (JSON); give binary_runtime_measurements");
}

TEST(OtherKind, NamesFilesThatAreMistakenForLists) {
  EXPECT_EQ(kind_of("{\"records\": 1}\n"), "JSON; give binary_runtime_measurements");
  EXPECT_EQ(kind_of("[]"), "JSON; give binary_runtime_measurements");
  EXPECT_TRUE(kind_of("-----BEGIN PUBLIC KEY-----\n").starts_with("PEM"));
  EXPECT_TRUE(kind_of("\x7f"
                      "ELF\2\1\1")
                  .starts_with("an ELF"));
  EXPECT_EQ(kind_of("\x1f\x8b\x08\x00"sv), "gzip; decompress it first");
  EXPECT_EQ(kind_of("\x28\xb5\x2f\xfd"sv), "zstd; decompress it first");
  EXPECT_EQ(kind_of("\xff"
                    "TCG\x80\x18"sv),
            "a TPM's statement; give it with --quote");
  EXPECT_EQ(kind_of(std::string(64, 'z')), "text; give binary_runtime_measurements");
}

TEST(OtherKind, TellsAnArchiveFromAnotherDatabase) {
  std::string file("SQLite format 3\0"sv);
  EXPECT_EQ(kind_of(file), "an SQLite database; give binary_runtime_measurements");
  file.resize(100);
  file.replace(68, 4, "imkp");
  EXPECT_EQ(kind_of(file), "an imakeep archive; give it with --archive");
}

TEST(OtherKind, NamesAFirmwaresEventLog) {
  std::string log("\0\0\0\0\3\0\0\0"sv);
  log.resize(28);
  log += "\x21\0\0\0Spec ID Event03\0"sv;
  EXPECT_EQ(kind_of(log), "a firmware's event log (binary_bios_measurements); give binary_runtime_measurements");
}

TEST(OtherKind, NamesNoEmptyFileAndNothingThatItDoesNotKnow) {
  for (const std::string_view file : {""sv, "\x0a"sv, "\0"sv, "\x0a\0\0\0"sv, "\xee\xee"sv, "[x"sv, "7"sv}) {
    EXPECT_EQ(kind_of(file), "a list");
  }
}

TEST(CheckKind, SaysWhatTheFileIsNotAndWhatItIs) {
  const auto checked = check_kind(as_bytes("-----BEGIN CERTIFICATE-----"));
  ASSERT_FALSE(checked);
  EXPECT_EQ(checked.error().code, ErrorCode::kMalformed);
  EXPECT_EQ(checked.error().message.substr(0, 38), "not a binary measurement list but PEM:");
  EXPECT_TRUE(check_kind({}));
}

RC_GTEST_PROP(OtherKind, NamesNoListOfAnyBankAndOrder, ()) {
  const auto order = *rc::gen::element(ByteOrder::kLittle, ByteOrder::kBig);
  const auto contents = *rc::gen::nonEmpty(rc::gen::container<std::vector<test::Content>>(test::any_content(order)));
  for (const char* const bank : {"sha1", "sha256", "sha384", "sha512"}) {
    RC_ASSERT(!other_kind(test::list_of(contents, test::bank(bank), order)));
  }
}

}  // namespace list_kind_test
}  // namespace imakeep::imalog
