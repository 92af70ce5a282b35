// SPDX-License-Identifier: Apache-2.0
#include "imalog/template_data.h"

#include <gtest/gtest.h>

#include "imalog/test_support.h"

namespace imakeep::imalog {
namespace template_data_test {

using test::bytes_of;

const Bytes kSha256(32, std::byte{0xab});
const Bytes kSha1(20, std::byte{0xcd});

// The fields of a body, as text.
std::vector<std::string> fields_of(std::string_view name, const EventView& event,
                                   ByteOrder order = ByteOrder::kLittle) {
  const Bytes body = test::must(make_body(name, event, order));
  FieldReader reader(*Template::find(name), name, body, order);
  std::vector<std::string> fields;
  while (const auto field = test::must(reader.next())) fields.emplace_back(as_text(field->bytes));
  return fields;
}

std::string with_nul(std::string_view text, ByteView following = {}) {
  return std::string(text) + '\0' + std::string(as_text(following));
}

std::string_view without_nul(ByteView text) {
  return as_text(text).substr(0, as_text(text).find('\0'));
}

// The event that a captured record describes. Borrows the record.
EventView event_of(const RecordView& record) {
  const auto digest_of = [](ByteView field, digest::Algorithm& algorithm) {
    const std::string_view prefix = without_nul(field);
    const std::size_t name_at = prefix.find(':') == prefix.rfind(':') ? 0 : prefix.find(':') + 1;
    algorithm = digest::algorithm_from_name(prefix.substr(name_at, prefix.rfind(':') - name_at)).value();
    return field.subspan(prefix.size() + 1);
  };
  EventView event;
  FieldReader reader(*Template::find(record.template_name), record.template_name, record.body, ByteOrder::kLittle);
  while (const auto field = test::must(reader.next())) {
    const ByteView bytes = field->bytes;
    switch (field->id) {
      case FieldId::kD:
        event.plain_file_digest = bytes;
        break;
      case FieldId::kDNg:
      case FieldId::kDNgV2:
        event.file_digest = digest_of(bytes, event.algorithm);
        break;
      case FieldId::kN:
      case FieldId::kNNg:
        event.path = without_nul(bytes);
        break;
      case FieldId::kSig:
        event.signature = bytes;
        break;
      case FieldId::kBuf:
        event.buffer = bytes;
        break;
      case FieldId::kIuid:
        event.uid = load<std::uint32_t>(bytes.data(), ByteOrder::kLittle);
        break;
      case FieldId::kIgid:
        event.gid = load<std::uint32_t>(bytes.data(), ByteOrder::kLittle);
        break;
      case FieldId::kImode:
        event.mode = load<std::uint16_t>(bytes.data(), ByteOrder::kLittle);
        break;
      default:
        EXPECT_TRUE(bytes.empty()) << field_name(field->id);
    }
  }
  if (record.content().violation) event.file_digest = event.plain_file_digest = {};
  return event;
}

TEST(MakeBody, GivesTheVeryBytesOfEveryCapturedRecord) {
  const digest::Bank bank = test::bank("sha256");
  for (const test::Capture& capture : test::kCaptures) {
    const Bytes list = test::captured_binary(capture, bank);
    for (const RecordView& record : test::records_of(list, test::format_of(bank))) {
      const Bytes made = test::must(make_body(record.template_name, event_of(record), ByteOrder::kLittle));
      EXPECT_EQ(to_hex(made), to_hex(record.body)) << capture.folder << " " << record.template_name;
    }
  }
}

TEST(MakeBody, ReplacesSpacesInAPathAndNothingElse) {
  EXPECT_EQ(fields_of("n-ng", {.path = "/a b\n\tc  d"}), (std::vector<std::string>{with_nul("/a_b\n\tc__d")}));
}

// A directory whose name, followed by `file`, has `bytes` bytes.
std::string path_of(std::size_t bytes, const std::string& file) {
  std::string path(bytes - file.size(), 'p');
  path.front() = path.back() = '/';
  return path + file;
}

TEST(MakeBody, KeepsOnlyTheLastComponentOfALongPathInFieldNAndAllOfItInNNg) {
  EXPECT_EQ(fields_of("n|n-ng", {.path = path_of(256, "a file")}),
            (std::vector<std::string>{with_nul("a_file"), with_nul(path_of(256, "a_file"))}));
  EXPECT_EQ(fields_of("n|n-ng", {.path = path_of(4095, "f")}),
            (std::vector<std::string>{with_nul("f"), with_nul(path_of(4095, "f"))}));
}

TEST(MakeBody, KeepsAPathOf255BytesInFieldN) {
  EXPECT_EQ(fields_of("n", {.path = path_of(255, "file")}), (std::vector<std::string>{with_nul(path_of(255, "file"))}));
  const std::string component(255, 'c');
  EXPECT_EQ(fields_of("n", {.path = "/" + component}), (std::vector<std::string>{with_nul(component)}));
}

// vfat has names of 255 UTF-16 units, which can be 765 bytes.
TEST(MakeBody, DoesNotCutALastComponentThatIsLongByItself) {
  const std::string component(300, 'c');
  EXPECT_EQ(fields_of("n", {.path = "/a/" + component}), (std::vector<std::string>{with_nul(component)}));
}

TEST(MakeBody, CutsTheLongNameOfWhatIsNoFile) {
  const std::string name = "keyring/" + std::string(300, 'k');
  EXPECT_EQ(fields_of("n|n-ng", {.path = name, .is_file = false}),
            (std::vector<std::string>{with_nul(name.substr(0, 255)), with_nul(name)}));
}

TEST(MakeBody, OfImaIsWhatDecodeRecordAcceptsEvenForALongPath) {
  for (const ByteOrder order : {ByteOrder::kLittle, ByteOrder::kBig}) {
    const auto ima = [&](const std::string& path) {
      return test::must(make_body("ima", {.path = path, .plain_file_digest = kSha1}, order));
    };
    EXPECT_EQ(ima(path_of(255, "file")), test::ima_body(kSha1, path_of(255, "file"), order));
    EXPECT_EQ(ima(path_of(256, "a file")), test::ima_body(kSha1, "a_file", order));
    EXPECT_EQ(ima("/a/" + std::string(300, 'c')), test::ima_body(kSha1, std::string(255, 'c'), order));
  }
}

TEST(MakeBody, OfImaTakesAnMd5DigestAndGivesAViolationTwentyZeros) {
  const Bytes md5(16, std::byte{0xab});
  EXPECT_EQ(test::must(make_body("ima", {.path = "/a", .plain_file_digest = md5})), test::ima_body(md5, "/a"));
  EXPECT_EQ(test::must(make_body("ima", {.path = "/a"})), test::ima_body(Bytes(20), "/a"));
  EXPECT_EQ(fields_of("d", {.plain_file_digest = md5}), (std::vector<std::string>{std::string(as_text(md5))}));
}

TEST(MakeBody, FallsBackFromSecurityImaToAPortableSignatureInFieldSig) {
  const Bytes ima = bytes_of("\3ima");
  const Bytes evm = bytes_of("\5evm");
  for (const char* name : {"ima-sig", "ima-sigv2", "ima-modsig"}) {
    const auto sig = [&](const EventView& event) { return fields_of(name, event)[2]; };
    EXPECT_EQ(sig({.path = "/a", .file_digest = kSha256, .signature = ima, .evm_signature = evm}), "\3ima") << name;
    EXPECT_EQ(sig({.path = "/a", .file_digest = kSha256, .evm_signature = evm}), "\5evm") << name;
    EXPECT_EQ(sig({.path = "/a", .file_digest = kSha256}), "") << name;
  }
}

TEST(MakeBody, NamesTheTypeOfADigestInDNgv2) {
  EXPECT_EQ(fields_of("ima-ngv2", {.path = "/a", .file_digest = kSha256}),
            (std::vector<std::string>{with_nul("ima:sha256:", kSha256), with_nul("/a")}));
  EXPECT_EQ(fields_of("d-ngv2", {.file_digest = kSha256, .digest_type = "verity"}),
            (std::vector<std::string>{with_nul("verity:sha256:", kSha256)}));
}

TEST(MakeBody, GivesAViolationZerosForItsDigests) {
  EXPECT_EQ(fields_of("d|d-ng", {.algorithm = digest::Algorithm::kSha384}),
            (std::vector<std::string>{std::string(20, '\0'), with_nul("sha384:", Bytes(48))}));
}

TEST(MakeBody, PutsAnAppendedSignatureAndItsDigest) {
  const Bytes modsig = bytes_of("pkcs7");
  EXPECT_EQ(fields_of("d-modsig|modsig", {.modsig_digest = kSha256, .modsig = modsig}),
            (std::vector<std::string>{with_nul("sha256:", kSha256), "pkcs7"}));
  EXPECT_EQ(fields_of("d-modsig|modsig", {}), (std::vector<std::string>{"", ""}));
}

TEST(MakeBody, JoinsNamesLengthsAndValuesOfXattrs) {
  const Bytes one = bytes_of("1");
  const Bytes two = bytes_of("22");
  const XattrView xattrs[] = {{.name = "security.selinux", .value = two}, {.name = "security.ima", .value = one}};
  EXPECT_EQ(
      fields_of("xattrnames|xattrlengths|xattrvalues", {.xattrs = xattrs}),
      (std::vector<std::string>{with_nul("security.selinux|security.ima"), std::string("\2\0\0\0\1\0\0\0", 8), "221"}));
  EXPECT_EQ(fields_of("xattrnames|xattrlengths|xattrvalues", {}), (std::vector<std::string>{"", "", ""}));
}

TEST(MakeBody, WritesNumbersAndLengthsInTheGivenByteOrder) {
  const EventView event{.uid = 1, .gid = 2, .mode = 3};
  EXPECT_EQ(fields_of("iuid|igid|imode", event, ByteOrder::kLittle),
            (std::vector<std::string>{{"\1\0\0\0", 4}, {"\2\0\0\0", 4}, {"\3\0", 2}}));
  EXPECT_EQ(fields_of("iuid|igid|imode", event, ByteOrder::kBig),
            (std::vector<std::string>{{"\0\0\0\1", 4}, {"\0\0\0\2", 4}, {"\0\3", 2}}));
}

TEST(MakeBody, KeepsSignaturesAndBuffersAsTheyAre) {
  const Bytes bytes = bytes_of(std::string_view("a b\0", 4));
  EXPECT_EQ(fields_of("sig|buf|evmsig", {.signature = bytes, .buffer = bytes, .evm_signature = bytes}),
            (std::vector<std::string>(3, std::string(as_text(bytes)))));
}

TEST(MakeBody, ATemplateThatLinuxWouldNotKnowIsAUsageError) {
  EXPECT_EQ(make_body("acme-v9", {}).error().code, ErrorCode::kUsage);
  EXPECT_EQ(make_body("", {}).error().code, ErrorCode::kUsage);
}

TEST(MakeBody, ADigestOfAnotherSizeThanItsAlgorithmsIsAUsageError) {
  EXPECT_EQ(make_body("ima-ng", {.path = "/a", .file_digest = kSha1}).error().code, ErrorCode::kUsage);
  EXPECT_EQ(make_body("ima", {.path = "/a", .plain_file_digest = kSha256}).error().code, ErrorCode::kUsage);
  EXPECT_EQ(make_body("ima", {.path = "/a", .plain_file_digest = Bytes(17)}).error().code, ErrorCode::kUsage);
  EXPECT_EQ(make_body("ima-modsig", {.path = "/a", .modsig_digest = kSha1}).error().code, ErrorCode::kUsage);
}

}  // namespace template_data_test
}  // namespace imakeep::imalog
