// SPDX-License-Identifier: Apache-2.0
#include "reference/lint.h"

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

#include "reference/test_support.h"

namespace imakeep::reference {
namespace lint_test {

using ::testing::HasSubstr;

Document good_document() {
  Document document;
  document.files() = {{"boot_aggregate", {digits_of('a')}}, {"/usr/bin/ls", {digits_of('b')}}};
  return document;
}

Lint lint_of(const Document& document) {
  return lint_policy(as_bytes(write_document(document)));
}

// The remark with this id, or one without text.
Remark remark_of(const Lint& lint, const std::string& id) {
  for (const Remark& remark : lint.remarks) {
    if (remark.id == id) return remark;
  }
  return {};
}

TEST(LintPolicy, FindsNothingInAGoodPolicy) {
  const Lint lint = lint_of(good_document());
  EXPECT_TRUE(lint.good());
  EXPECT_TRUE(lint.remarks.empty()) << lint_text(lint);
  EXPECT_EQ(lint.names, 2u);
}

TEST(LintPolicy, NamesWhatAKeylimeExcludeWouldNoLongerCover) {
  Document document = good_document();
  document.files()["/tmpfoo"] = {digits_of('c')};
  document.excludes = {"/tmp", "/var/log/.*"};
  const Remark remark = remark_of(lint_of(document), "exclude-open-end");
  EXPECT_EQ(remark.severity, Severity::kWarning);
  EXPECT_EQ(remark.pointer, "/excludes/0");
  EXPECT_THAT(remark.text, HasSubstr("no longer cover 1 name of this policy, such as /tmpfoo"));
  document.files().erase("/tmpfoo");
  EXPECT_EQ(remark_of(lint_of(document), "exclude-open-end").severity, Severity::kNote);
  document.excludes = {"/tmp/.*", "/etc/mtab$"};
  EXPECT_TRUE(lint_of(document).remarks.empty());
}

TEST(LintPolicy, FindsExcludesThatHideDigestsOrEverything) {
  Document document = good_document();
  document.excludes = {"/usr/.*"};
  EXPECT_THAT(remark_of(lint_of(document), "exclude-hides-digests").text, HasSubstr("/usr/bin/ls"));
  document.excludes = {".*"};
  EXPECT_EQ(remark_of(lint_of(document), "exclude-everything").pointer, "/excludes/0");
}

TEST(LintPolicy, FindsNamesThatNoRecordHas) {
  Document document = good_document();
  document.files()["/opt/my app"] = {digits_of('c')};
  const Remark remark = remark_of(lint_of(document), "name-with-space");
  EXPECT_EQ(remark.pointer, "/digests/~1opt~1my app");
}

TEST(LintPolicy, FindsAnEmptyPolicyAndIdlePackages) {
  EXPECT_EQ(remark_of(lint_of({}), "no-files").severity, Severity::kWarning);
  Document document = good_document();
  document.packages[{.name = "p", .version = "1", .architecture = ""}] = {digits_of('9')};
  EXPECT_THAT(remark_of(lint_of(document), "package-accepts-nothing").text, HasSubstr("p 1"));
  document.rules["updates"] = R"([{"name":"u","new":{"/x":[")" + digits_of('9') + R"("]}}])";
  EXPECT_TRUE(remark_of(lint_of(document), "package-accepts-nothing").text.empty());
  EXPECT_FALSE(remark_of(lint_of(document), "update-open").text.empty());
}

TEST(LintPolicy, SaysInWhichModeAPolicyIsRefused) {
  Document document = good_document();
  document.excludes = {"(?=x)y"};
  const Remark strict = remark_of(lint_of(document), "refused-in-strict");
  EXPECT_EQ(strict.severity, Severity::kError);
  EXPECT_EQ(strict.pointer, "/excludes/0");
  const Lint broken = lint_policy(as_bytes("{"));
  EXPECT_EQ(broken.count(Severity::kError), 1u);
  EXPECT_FALSE(broken.good());
  EXPECT_EQ(lint_json(broken)["good"], false);
}

}  // namespace lint_test
}  // namespace imakeep::reference
