#include "imalog/template_data.h"

#include <gtest/gtest.h>

#include "imalog/test_support.h"

namespace imakeep::imalog {
namespace {

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

std::string with_nul(std::string_view text, ByteView behind = {}) {
  return std::string(text) + '\0' + std::string(as_text(behind));
}

std::string_view without_nul(ByteView text) {
  return as_text(text).substr(0, as_text(text).find('\0'));
}

// What a captured record says was measured. Borrows the record.
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
        event.sha1_file_digest = bytes;
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
  if (record.content().violation) event.file_digest = event.sha1_file_digest = {};
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

TEST(MakeBody, CutsTheNameOfFieldNButNotOfNNg) {
  const std::string path(300, 'p');
  EXPECT_EQ(fields_of("n|n-ng", {.path = path}),
            (std::vector<std::string>{with_nul(path.substr(0, 255)), with_nul(path)}));
}

TEST(MakeBody, OfImaIsWhatDecodeRecordAcceptsEvenForALongPath) {
  const std::string path(300, 'p');
  for (const ByteOrder order : {ByteOrder::kLittle, ByteOrder::kBig}) {
    const Bytes body = test::must(make_body("ima", {.path = path, .sha1_file_digest = kSha1}, order));
    EXPECT_EQ(body, test::ima_body(kSha1, path.substr(0, 255), order));
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

TEST(MakeBody, PutsAnAppendedSignatureBesideItsOwnDigest) {
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
  EXPECT_EQ(make_body("ima", {.path = "/a", .sha1_file_digest = kSha256}).error().code, ErrorCode::kUsage);
  EXPECT_EQ(make_body("ima-modsig", {.path = "/a", .modsig_digest = kSha1}).error().code, ErrorCode::kUsage);
}

}  // namespace
}  // namespace imakeep::imalog
