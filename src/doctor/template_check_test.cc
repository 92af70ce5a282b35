// SPDX-License-Identifier: Apache-2.0
#include "doctor/template_check.h"

#include <gtest/gtest.h>

#include "imalog/ascii.h"
#include "imalog/test_support.h"

namespace imakeep::doctor {
namespace template_check_test {

namespace test = imalog::test;
using imalog::TemplateSet;

const digest::Bank kSha1 = digest::bank_of(digest::Algorithm::kSha1);

TemplateSet described(std::string_view text) {
  return test::must(TemplateSet::parse(text));
}

struct List {
  Bytes binary;
  std::string ascii;

  void add(const test::Content& content, const TemplateSet& kernel) {
    test::append_record(binary, content, kSha1);
    test::must(imalog::append_ascii(ascii, content.view(), imalog::shown_digest(kSha1, content.view()).view(),
                                    kHostOrder, kernel));
  }
};

test::Content namespaced(std::string_view path) {
  test::Content content = test::ima_ng(path);
  content.template_name = "ima-ns";
  append_bytes(content.body, test::data_of({Bytes(16, std::byte{0x65})}));
  return content;
}

// One that a kernel made which has ima-ns.
List list_of_other_kernel() {
  const TemplateSet kernel = described("ima-ns=d-ng|n-ng|ns:uuid");
  List list;
  list.add(test::ima_ng("/a"), kernel);
  list.add(namespaced("/b"), kernel);
  list.add(namespaced("/c"), kernel);
  return list;
}

TEST(CheckTemplates, NamesTheRecordThatWouldBePrintedOtherwise) {
  const List list = list_of_other_kernel();
  const auto check = test::must(check_templates(list.binary, list.ascii, kSha1, {}));
  EXPECT_EQ(check.unknown, std::vector<std::string>{"ima-ns"});
  ASSERT_TRUE(check.difference);
  EXPECT_EQ(check.difference->record, 1u);
  EXPECT_EQ(check.difference->template_name, "ima-ns");
}

TEST(CheckTemplates, FindsNothingWhereTheTemplateIsDescribed) {
  const List list = list_of_other_kernel();
  const auto check = test::must(check_templates(list.binary, list.ascii, kSha1, described("ima-ns=d-ng|n-ng|ns:uuid")));
  EXPECT_TRUE(check.unknown.empty());
  EXPECT_FALSE(check.difference);
  EXPECT_EQ(check.records, 3u);
}

TEST(CheckTemplates, FindsADescriptionThatIsNotTheKernels) {
  const List list = list_of_other_kernel();
  for (const char* wrong : {"ima-ns=d-ng|n-ng|ns:hex", "ima-ns=d-ng|n-ng"}) {
    const auto check = test::must(check_templates(list.binary, list.ascii, kSha1, described(wrong)));
    EXPECT_TRUE(check.difference) << wrong;
  }
}

TEST(CheckTemplates, LooksAtWholeRecordsAndLinesOnly) {
  const List list = list_of_other_kernel();
  const TemplateSet kernel = described("ima-ns=d-ng|n-ng|ns:uuid");
  for (std::size_t cut = 0; cut < list.binary.size(); ++cut) {
    EXPECT_FALSE(test::must(check_templates(ByteView(list.binary).first(cut), list.ascii, kSha1, kernel)).difference)
        << cut;
  }
  for (std::size_t cut = 0; cut < list.ascii.size(); ++cut) {
    const std::string_view ascii = std::string_view(list.ascii).substr(0, cut);
    EXPECT_FALSE(test::must(check_templates(list.binary, ascii, kSha1, kernel)).difference) << cut;
  }
}

TEST(CheckTemplates, RefusesWhatIsNoList) {
  EXPECT_EQ(check_templates(Bytes(100, std::byte{0xff}), "", kSha1, {}).error().code, ErrorCode::kMalformed);
}

}  // namespace template_check_test
}  // namespace imakeep::doctor
