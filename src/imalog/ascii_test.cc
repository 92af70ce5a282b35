// SPDX-License-Identifier: Apache-2.0
#include "imalog/ascii.h"

#include <gtest/gtest.h>

#include "imalog/test_support.h"

// Lines of the eight templates as Linux printed them are compared in captures_test.cc. This file tests what no capture
// has.
namespace imakeep::imalog {
namespace ascii_test {

using test::bytes_of;
using test::Content;

const digest::Digest kShown = digest::Digest::filled(2, std::byte{0xab});

std::string line(const Content& content, ByteOrder order = ByteOrder::kLittle) {
  std::string out;
  const auto appended = append_ascii(out, content.view(), kShown.view(), order);
  return appended ? out : "error: " + appended.error().message;
}

std::string line(std::string_view name, const std::vector<Bytes>& fields) {
  return line({.template_name = std::string(name), .body = test::data_of(fields)});
}

Bytes hex(std::string_view digits) {
  return test::must(from_hex(digits));
}

Bytes named_digest(std::string_view name, std::string_view digits) {
  Bytes bytes = bytes_of(name);
  bytes.push_back(std::byte{0});
  append_bytes(bytes, hex(digits));
  return bytes;
}

Bytes text(std::string_view of) {
  Bytes bytes = bytes_of(of);
  bytes.push_back(std::byte{0});
  return bytes;
}

template <class T>
Bytes number(T value, ByteOrder order = ByteOrder::kLittle) {
  Bytes bytes;
  append_int(bytes, value, order);
  return bytes;
}

TEST(AppendAscii, PutsThePcrInTwoColumns) {
  EXPECT_EQ(line({.pcr = 9, .template_name = "n", .body = test::data_of({text("/a")})}), " 9 abab n /a\n");
  EXPECT_EQ(line({.pcr = 10, .template_name = "n", .body = test::data_of({text("/a")})}), "10 abab n /a\n");
}

TEST(AppendAscii, AppendsAfterExistingText) {
  std::string out = "before\n";
  const Content content{.template_name = "n", .body = test::data_of({text("/a")})};
  ASSERT_TRUE(append_ascii(out, content.view(), kShown.view()));
  EXPECT_EQ(out, "before\n10 abab n /a\n");
}

TEST(AppendAscii, PrintsTheDigestOfImaInHexWithoutAnAlgorithm) {
  const Content ima{.template_name = "ima", .body = test::ima_body(Bytes(20, std::byte{0xcd}), "/bin/sh")};
  EXPECT_EQ(line(ima), "10 abab ima cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd /bin/sh\n");
}

TEST(AppendAscii, PrintsAnMd5DigestOfImaAsAnyOther) {
  const Content ima{.template_name = "ima", .body = test::ima_body(Bytes(16, std::byte{0xcd}), "/bin/sh")};
  EXPECT_EQ(line(ima), "10 abab ima cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd /bin/sh\n");
}

TEST(AppendAscii, PrintsTypeAndAlgorithmOfTheDigestAsTheyAre) {
  EXPECT_EQ(line("ima-ngv2", {named_digest("ima:sha256:", "0102"), text("/a")}),
            "10 abab ima-ngv2 ima:sha256:0102 /a\n");
  EXPECT_EQ(line("ima-ngv2", {named_digest("verity:sha512:", "03"), text("/a")}),
            "10 abab ima-ngv2 verity:sha512:03 /a\n");
  EXPECT_EQ(line("ima-modsig",
                 {named_digest("sha1:", "00"), text("/a"), hex("03"), named_digest("sha256:", "0a0b"), hex("3082")}),
            "10 abab ima-modsig sha1:00 /a 03 sha256:0a0b 3082\n");
}

TEST(AppendAscii, LeavesOutAnAlgorithmWithoutAName) {
  EXPECT_EQ(line("d-ng", {named_digest(":", "0102")}), "10 abab d-ng 0102\n");
}

TEST(AppendAscii, PrintsTheAlgorithmAloneWhereTheDigestIsMissing) {
  EXPECT_EQ(line("d-ng", {text("sha256:")}), "10 abab d-ng sha256:\n");
  EXPECT_EQ(line("d-ng", {bytes_of("sha256:")}), "10 abab d-ng sha256:\n");
}

TEST(AppendAscii, PrintsOnlyTheSpaceOfAnEmptyField) {
  EXPECT_EQ(line("ima-sig", {{}, {}, {}}), "10 abab ima-sig   \n");
}

TEST(AppendAscii, PrintsATextUpToItsFirstNul) {
  EXPECT_EQ(line("n-ng", {bytes_of(std::string_view("/a\0b", 4))}), "10 abab n-ng /a\n");
  EXPECT_EQ(line("xattrnames", {text("security.selinux|security.ima")}),
            "10 abab xattrnames security.selinux|security.ima\n");
}

TEST(AppendAscii, PrintsEveryOtherByteOfATextRaw) {
  EXPECT_EQ(line("n-ng", {text("/a\nb\xff\x1b[1m")}), "10 abab n-ng /a\nb\xff\x1b[1m\n");
}

TEST(AppendAscii, PrintsSignaturesBuffersAndXattrValuesInHex) {
  for (const char* field : {"sig", "buf", "modsig", "evmsig", "xattrlengths", "xattrvalues", "d"}) {
    EXPECT_EQ(line(field, {hex("00ff0a20")}), "10 abab " + std::string(field) + " 00ff0a20\n");
  }
}

TEST(AppendAscii, PrintsOwnersAndModesInDecimalWhateverTheirSize) {
  for (const char* field : {"iuid", "igid", "imode"}) {
    const std::string start = "10 abab " + std::string(field) + " ";
    EXPECT_EQ(line(field, {number<std::uint8_t>(0xff)}), start + "255\n");
    EXPECT_EQ(line(field, {number<std::uint16_t>(0x81a4)}), start + "33188\n");
    EXPECT_EQ(line(field, {number<std::uint32_t>(0xffffffff)}), start + "4294967295\n");
    EXPECT_EQ(line(field, {number<std::uint64_t>(0xffffffffffffffff)}), start + "18446744073709551615\n");
    EXPECT_EQ(line(field, {hex("010203")}), start + "\n");
  }
}

TEST(AppendAscii, ReadsLengthsAndNumbersInTheOrderOfTheList) {
  const Content big{.template_name = "n-ng|iuid|imode",
                    .body = test::data_of({text("/a"), number<std::uint32_t>(1000, ByteOrder::kBig),
                                           number<std::uint16_t>(33188, ByteOrder::kBig)},
                                          ByteOrder::kBig)};
  EXPECT_EQ(line(big, ByteOrder::kBig), "10 abab n-ng|iuid|imode /a 1000 33188\n");
}

TEST(AppendAscii, NamesAFreeFormatByItsFields) {
  EXPECT_EQ(line("d-ng|n-ng|sig|imode", {named_digest("sha1:", "01"), text("/a"), {}, number<std::uint16_t>(8)}),
            "10 abab d-ng|n-ng|sig|imode sha1:01 /a  8\n");
}

TEST(AppendAscii, PrintsAnUnknownTemplateAsOneFieldInHex) {
  EXPECT_EQ(line({.template_name = "acme-v9", .body = hex("00ff")}), "10 abab acme-v9 00ff\n");
  EXPECT_EQ(line({.template_name = "acme-v9"}), "10 abab acme-v9 \n");
}

// ---- damage ---------------------------------------------------------------------------------------------------------

Error error_of(const Content& content) {
  std::string out = "before";
  const auto appended = append_ascii(out, content.view(), kShown.view(), ByteOrder::kLittle);
  EXPECT_EQ(out, "before") << "half a line was left";
  return appended ? Error{.message = "printed"} : appended.error();
}

TEST(AppendAscii, ADigestWithoutAColonIsMalformedAtItsField) {
  const Content content{.template_name = "n-ng|d-ng", .body = test::data_of({text("/a"), text("sha256")})};
  const Error error = error_of(content);
  EXPECT_EQ(error.code, ErrorCode::kMalformed);
  EXPECT_EQ(error.offset, 4u + 3u + 4u);
  EXPECT_EQ(error.message, "field d-ng does not name its hash algorithm");
}

TEST(AppendAscii, AColonAfterTheNulNamesNoAlgorithm) {
  const Content content{.template_name = "d-ng", .body = test::data_of({named_digest("sha256", "3a00")})};
  EXPECT_EQ(error_of(content).code, ErrorCode::kMalformed);
}

TEST(AppendAscii, DataThatDoesNotSplitIsMalformedWhereItStops) {
  Content content{.template_name = "ima-ng", .body = test::data_of({named_digest("sha1:", "01"), text("/a")})};
  content.body.pop_back();
  EXPECT_EQ(error_of(content).code, ErrorCode::kMalformed);
  EXPECT_EQ(error_of(content).offset, 4u + 7u);
  append_bytes(content.body, hex("0000"));
  EXPECT_EQ(error_of(content).code, ErrorCode::kMalformed);
  EXPECT_EQ(error_of(content).offset, 4u + 7u + 4u + 3u);
}

}  // namespace ascii_test
}  // namespace imakeep::imalog
