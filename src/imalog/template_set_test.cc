// SPDX-License-Identifier: Apache-2.0
#include "imalog/template_set.h"

#include <gtest/gtest.h>

#include "imalog/ascii.h"
#include "imalog/test_support.h"

namespace imakeep::imalog {
namespace template_set_test {

using test::bytes_of;

TemplateSet parsed(std::string_view descriptions) {
  return test::must(TemplateSet::parse(descriptions));
}

Bytes text(std::string_view of) {
  Bytes bytes = bytes_of(of);
  bytes.push_back(std::byte{0});
  return bytes;
}

Bytes sha256_of(std::string_view digits) {
  Bytes bytes = text("sha256:");
  append_bytes(bytes, test::must(from_hex(digits)));
  return bytes;
}

std::string line(const TemplateSet& templates, std::string_view name, const std::vector<Bytes>& fields) {
  const test::Content content{.template_name = std::string(name), .body = test::data_of(fields)};
  std::string out;
  const digest::Digest shown = digest::Digest::filled(2, std::byte{0xab});
  const auto appended = append_ascii(out, content.view(), shown.view(), ByteOrder::kLittle, templates);
  return appended ? out : "error: " + appended.error().message;
}

// Patches of the linux-integrity list: "ima: created new ima template ima-dep-cgn" and "... ima-cgpath", December 2022;
// "ima: Namespace IMA", November 2021, with the line that its message shows.
TEST(TemplateSet, PrintsTheTemplatesOfKnownPatchesAsTheseDo) {
  const TemplateSet templates = parsed(
      "ima-dep-cgn=dep:text|cgn:text|d-ng|n-ng ima-cgpath=dep:text|cg-path:text|d-ng|n-ng ima-ns=d-ng|n-ng|ns:uuid");
  const Bytes digest = sha256_of("0a0b");
  EXPECT_EQ(line(templates, "ima-dep-cgn", {text("/bin/sh:swapper/0"), text("-"), digest, text("/a")}),
            "10 abab ima-dep-cgn /bin/sh:swapper/0 - sha256:0a0b /a\n");
  EXPECT_EQ(line(templates, "ima-cgpath", {text("/bin/sh:swapper/0"), text("/kubepods/pod1"), digest, text("/a")}),
            "10 abab ima-cgpath /bin/sh:swapper/0 /kubepods/pod1 sha256:0a0b /a\n");
  EXPECT_EQ(line(templates, "ima-ns",
                 {digest, text("boot_aggregate"), test::must(from_hex("6582e360135442b9a6efee1993d982da"))}),
            "10 abab ima-ns sha256:0a0b boot_aggregate 6582e360-1354-42b9-a6ef-ee1993d982da\n");
}

TEST(TemplateSet, PrintsEveryForm) {
  const TemplateSet templates = parsed("t=a:text|b:hex|c:number|d:digest|e:uuid");
  EXPECT_EQ(line(templates, "t", {text("x\ny"), bytes_of("\1\2"), bytes_of("\1\1"), sha256_of("ff"), {}}),
            "10 abab t x\ny 0102 257 sha256:ff \n");
}

TEST(TemplateSet, TakesTheNameOfAFreeFormat) {
  const TemplateSet templates = parsed("d-ng|n-ng|ns=d-ng|n-ng|ns:hex");
  EXPECT_EQ(line(templates, "d-ng|n-ng|ns", {sha256_of("00"), text("/a"), bytes_of("\1")}),
            "10 abab d-ng|n-ng|ns sha256:00 /a 01\n");
}

TEST(TemplateSet, PrintsDataThatAreNotAsDescribedInHex) {
  const TemplateSet templates = parsed("one=a:text two=a:text|b:uuid three=a:digest");
  EXPECT_EQ(line(templates, "one", {text("a"), text("b")}),
            "10 abab one 0200000061000200000062"
            "00\n");
  EXPECT_EQ(line(templates, "two", {text("a"), bytes_of("b")}),
            "10 abab two 020000006100"
            "0100000062\n");
  EXPECT_EQ(line(templates, "three", {bytes_of("a")}), "10 abab three 0100000061\n");
}

TEST(TemplateSet, LeavesMainlinesTemplatesAndUnknownOnesAlone) {
  const TemplateSet templates = parsed("t=a:text");
  EXPECT_EQ(line(templates, "n-ng", {text("/a")}), "10 abab n-ng /a\n");
  EXPECT_EQ(line(templates, "acme", {text("/a")}), "10 abab acme 030000002f6100\n");
  EXPECT_TRUE(templates.find("ima-ng"));
  EXPECT_FALSE(templates.find("acme"));
}

TEST(TemplateSet, NamesFields) {
  const TemplateSet templates = parsed("t=a:text|n-ng");
  EXPECT_EQ(templates.field_name("t", 0), "a");
  EXPECT_EQ(templates.field_name("t", 1), "n-ng");
  EXPECT_EQ(templates.field_name("ima-sig", 2), "sig");
}

TEST(TemplateSet, TakesDescriptionsBetweenAnyWhiteSpaceAndNone) {
  EXPECT_TRUE(parsed("").empty());
  EXPECT_TRUE(parsed(" \n ").empty());
  const TemplateSet templates = parsed("\n  one=a:text\n\ttwo=b:hex\n");
  EXPECT_TRUE(templates.find("one") && templates.find("two"));
}

TEST(TemplateSet, RefusesWhatIsNoDescriptionAndSaysWhy) {
  const auto refused = [](std::string_view text, std::string_view why) {
    const auto made = TemplateSet::parse(text);
    ASSERT_FALSE(made) << text;
    EXPECT_EQ(made.error().code, ErrorCode::kUsage);
    EXPECT_NE(made.error().message.find(why), std::string::npos) << made.error().message;
  };
  refused("ima-ns", "NAME=FIELD");
  refused("=a:text", "NAME=FIELD");
  refused("t=", "no field ''");
  refused("t=a", "no field 'a' in mainline Linux");
  refused("t=n-ng|a:words", "the forms are text");
  refused("t=:text", "not NAME:FORM");
  refused("t=ima-ng", "no field 'ima-ng'");
  refused("ima-sig=d-ng|n-ng", "mainline Linux has that template");
  refused("d-ng|n-ng=d-ng|n-ng", "mainline Linux has that template");
  refused("t=a:text t=b:text", "described twice");
  refused("t=d|d|d|d|d|d|d|d|d|d|d|d|d|d|d|d", "1 to 15 fields");
  refused(std::string(256, 't') + "=a:text", "NAME=FIELD");
}

TEST(IsBootAggregate, LooksAtEveryFieldOfATemplateThatMainlineLacks) {
  const auto content = [](std::vector<Bytes> fields) {
    return test::Content{.template_name = "ima-cgpath", .body = test::data_of(fields)};
  };
  EXPECT_TRUE(is_boot_aggregate(content({text("swapper/0"), text("-"), sha256_of("00"), text("boot_aggregate")}).view(),
                                ByteOrder::kLittle));
  EXPECT_FALSE(is_boot_aggregate(content({text("swapper/0"), text("-"), sha256_of("00"), text("/a")}).view(),
                                 ByteOrder::kLittle));
  test::Content with_trailing_byte = content({text("boot_aggregate")});
  with_trailing_byte.body.push_back(std::byte{0});
  EXPECT_FALSE(is_boot_aggregate(with_trailing_byte.view(), ByteOrder::kLittle)) << "no data of whole fields";
}

}  // namespace template_set_test
}  // namespace imakeep::imalog
