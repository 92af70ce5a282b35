// SPDX-License-Identifier: Apache-2.0
#include "imalog/template.h"

#include <gtest/gtest.h>

#include "imalog/test_support.h"

namespace imakeep::imalog {
namespace template_test {

std::string fields_of(std::string_view name) {
  const auto found = Template::find(name);
  if (!found) return "unknown";
  std::string text;
  for (const FieldId id : found->fields()) text += (text.empty() ? "" : " ") + std::string(field_name(id));
  return text;
}

Error first_error(std::string_view name, ByteView body, ByteOrder order = ByteOrder::kLittle) {
  FieldReader reader(*Template::find(name), name, body, order);
  for (;;) {
    const auto field = reader.next();
    if (!field) return field.error();
    if (!*field) return {.message = "split"};
  }
}

std::vector<std::string> split(std::string_view name, ByteView body, ByteOrder order = ByteOrder::kLittle) {
  FieldReader reader(*Template::find(name), name, body, order);
  std::vector<std::string> fields;
  while (const auto field = test::must(reader.next())) {
    fields.push_back(std::string(field_name(field->id)) + "=" + std::string(as_text(field->bytes)));
  }
  return fields;
}

TEST(Template, BuiltInsHaveTheFieldsOfTheKernelsTable) {
  EXPECT_EQ(fields_of("ima"), "d n");
  EXPECT_EQ(fields_of("ima-ng"), "d-ng n-ng");
  EXPECT_EQ(fields_of("ima-ngv2"), "d-ngv2 n-ng");
  EXPECT_EQ(fields_of("ima-sig"), "d-ng n-ng sig");
  EXPECT_EQ(fields_of("ima-sigv2"), "d-ngv2 n-ng sig");
  EXPECT_EQ(fields_of("ima-buf"), "d-ng n-ng buf");
  EXPECT_EQ(fields_of("ima-modsig"), "d-ng n-ng sig d-modsig modsig");
  EXPECT_EQ(fields_of("evm-sig"), "d-ng n-ng evmsig xattrnames xattrlengths xattrvalues iuid igid imode");
}

TEST(Template, EveryBuiltInNameIsFoundAndIsNoFreeFormat) {
  EXPECT_EQ(Template::builtin_names().size(), 8u);
  for (const std::string_view name : Template::builtin_names()) {
    ASSERT_TRUE(Template::find(name)) << name;
    EXPECT_FALSE(Template::find(name)->free_format()) << name;
  }
}

TEST(Template, AFreeFormatIsAnySequenceOfFields) {
  EXPECT_EQ(fields_of("n-ng"), "n-ng");
  EXPECT_EQ(fields_of("d-ngv2|n-ng|iuid|igid|imode"), "d-ngv2 n-ng iuid igid imode");
  EXPECT_EQ(fields_of("n-ng|n-ng"), "n-ng n-ng");
  EXPECT_TRUE(Template::find("d-ng|n-ng")->free_format());
}

TEST(Template, EveryFieldOfTheKernelMayBeInAFreeFormat) {
  for (const char* field : {"d", "d-ng", "d-ngv2", "n", "n-ng", "sig", "d-modsig", "modsig", "buf", "evmsig", "iuid",
                            "igid", "imode", "xattrnames", "xattrlengths", "xattrvalues"}) {
    EXPECT_EQ(fields_of(field), field);
  }
}

TEST(Template, AFreeFormatHasAtMostFifteenFields) {
  std::string format = "n";
  for (int i = 1; i < 15; ++i) format += "|n";
  EXPECT_EQ(Template::find(format)->fields().size(), kMaxFields);
  EXPECT_EQ(fields_of(format + "|n"), "unknown");
}

TEST(Template, AnUnknownTemplateIsNotFound) {
  for (const char* name :
       {"", "|", "ima-", "IMA-NG", "ima-ng ", "d-ng|", "|d-ng", "d-ng||n-ng", "d-ng|x", "ima-ng|sig", "d-ng n-ng"}) {
    EXPECT_EQ(fields_of(name), "unknown") << name;
  }
}

TEST(FieldReader, SplitsDataIntoItsFields) {
  const std::vector<Bytes> fields{test::bytes_of("digest"), test::bytes_of(""), test::bytes_of("signature")};
  for (const ByteOrder order : {ByteOrder::kLittle, ByteOrder::kBig}) {
    EXPECT_EQ(split("ima-sig", test::data_of(fields, order), order),
              (std::vector<std::string>{"d-ng=digest", "n-ng=", "sig=signature"}));
  }
}

TEST(FieldReader, TakesTheDigestOfImaWithoutALength) {
  const std::string digest(20, 'd');
  for (const ByteOrder order : {ByteOrder::kLittle, ByteOrder::kBig}) {
    EXPECT_EQ(split("ima", test::ima_body(as_bytes(digest), "/bin/sh", order), order),
              (std::vector<std::string>{"d=" + digest, "n=/bin/sh"}));
  }
}

TEST(FieldReader, TheFormatOfImaByItsFieldsHasALengthBeforeEach) {
  EXPECT_EQ(split("d|n", test::data_of({test::bytes_of("dd"), test::bytes_of("/a")})),
            (std::vector<std::string>{"d=dd", "n=/a"}));
}

TEST(FieldReader, GivesNothingAgainAfterTheLastField) {
  const Bytes data = test::data_of({test::bytes_of("x")});
  FieldReader reader(*Template::find("n"), "n", data, ByteOrder::kLittle);
  EXPECT_TRUE(reader.next().value().has_value());
  EXPECT_FALSE(reader.next().value().has_value());
  EXPECT_FALSE(reader.next().value().has_value());
}

TEST(FieldReader, DataThatEndsBeforeItsFieldsIsMalformedAtTheFieldThatLacks) {
  const Bytes whole = test::data_of({test::bytes_of("digest"), test::bytes_of("name"), test::bytes_of("sig")});
  for (std::size_t bytes = 0; bytes < whole.size(); ++bytes) {
    const Error error = first_error("ima-sig", ByteView(whole).first(bytes));
    EXPECT_EQ(error.code, ErrorCode::kMalformed) << bytes;
    EXPECT_EQ(error.offset, bytes < 10 ? 0u : bytes < 18 ? 10u : 18u) << bytes;
    EXPECT_EQ(error.message, std::string("data ends within field ") + (bytes < 10   ? "d-ng"
                                                                       : bytes < 18 ? "n-ng"
                                                                                    : "sig"));
  }
}

TEST(FieldReader, AnImaBodyShorterThanItsDigestIsMalformed) {
  const Error error = first_error("ima", Bytes(15));
  EXPECT_EQ(error.code, ErrorCode::kMalformed);
  EXPECT_EQ(error.offset, 0u);
}

TEST(FieldReader, ALengthAboveWhatIsLeftIsMalformed) {
  Bytes data = test::data_of({test::bytes_of("x")});
  store<std::uint32_t>(data.data(), 0xffffffff, ByteOrder::kLittle);
  EXPECT_EQ(first_error("n", data).code, ErrorCode::kMalformed);
  EXPECT_EQ(first_error("n", data).offset, 0u);
}

TEST(FieldReader, BytesAfterTheLastFieldAreMalformedAtTheirOffset) {
  Bytes data = test::data_of({test::bytes_of("digest"), test::bytes_of("name")});
  const std::size_t end = data.size();
  append_bytes(data, as_bytes("xyz"));
  const Error error = first_error("ima-ng", data);
  EXPECT_EQ(error.code, ErrorCode::kMalformed);
  EXPECT_EQ(error.offset, end);
  EXPECT_EQ(error.message, "3 bytes after the last field");
}

TEST(BootAggregate, IsToldByItsName) {
  EXPECT_TRUE(is_boot_aggregate(test::ima_ng("boot_aggregate").view()));
  EXPECT_TRUE(is_boot_aggregate(test::ima_ng("boot_aggregate_late").view()));
  EXPECT_FALSE(is_boot_aggregate(test::ima_ng("boot_aggregates").view()));
  EXPECT_FALSE(is_boot_aggregate(test::ima_ng("/boot_aggregate").view()));
  const test::Content old{.template_name = "ima", .body = test::ima_body(digest::Digest(20).view(), "boot_aggregate")};
  EXPECT_TRUE(is_boot_aggregate(old.view()));
  EXPECT_FALSE(is_boot_aggregate({.template_name = "acme", .body = as_bytes("boot_aggregate")}));
}

}  // namespace template_test
}  // namespace imakeep::imalog
