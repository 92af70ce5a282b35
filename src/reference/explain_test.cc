// SPDX-License-Identifier: Apache-2.0
#include "reference/explain.h"

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

#include "reference/test_support.h"

namespace imakeep::reference {
namespace explain_test {

using ::testing::HasSubstr;

Explanation explain_in(const Document& document, const std::string& what) {
  const auto source = policy::parse_policy(as_bytes(write_document(document)), policy::Mode::kStrict);
  EXPECT_TRUE(source) << source.error().message;
  return explain(*policy::CompiledPolicy::compile(*source), *source, what);
}

std::string text_in(const Document& document, const std::string& what) {
  return explanation_text(explain_in(document, what));
}

TEST(Explain, NamesMemberPackageAndRuleOfAName) {
  Document document = full_document();
  document.rules["path_classes"] = R"({"tools":{"paths":["/usr/bin/ls"]}})";
  document.rules["signatures"] = R"([{"where":{"classes":["tools"]},"keyrings":[".ima"]}])";
  const std::string text = text_in(document, "/usr/bin/ls");
  EXPECT_THAT(text, HasSubstr("/digests: " + digits_of('a') + ", of package coreutils 9.1-1 amd64"));
  EXPECT_THAT(text, HasSubstr("/imakeep/path_classes/tools"));
  EXPECT_THAT(text, HasSubstr("it must be signed by a key of .ima"));
  EXPECT_THAT(text_in(document, "/tmp/x"), HasSubstr("/excludes/0: /tmp/.*"));
  EXPECT_THAT(text_in(document, "/var/lib/journal"), HasSubstr("violations of this name are accepted"));
}

TEST(Explain, SaysWhyANameIsNotAccepted) {
  const Explanation explained = explain_in(full_document(), "/bin/ls");
  EXPECT_FALSE(explained.accepted);
  EXPECT_THAT(explanation_text(explained), HasSubstr("no member of the policy has this name"));
  EXPECT_THAT(explanation_text(explained), HasSubstr("a similar name: /usr/bin/ls"));
}

TEST(Explain, FindsADigestWhereverItStands) {
  const Document document = full_document();
  EXPECT_THAT(text_in(document, digits_of('a')), HasSubstr("/digests: /usr/bin/ls"));
  EXPECT_THAT(text_in(document, "sha256:" + digits_of('a')), HasSubstr("coreutils"));
  EXPECT_THAT(text_in(document, digits_of('1')), HasSubstr("/imakeep/any_path: at any path"));
  EXPECT_THAT(text_in(document, digits_of('d')), HasSubstr("/keyrings: .ima"));
  EXPECT_FALSE(explain_in(document, digits_of('8')).accepted);
}

TEST(Explain, NamesTheRecordsOfAnUpdate) {
  Document document;
  document.rules["updates"] = R"([{"name":"u","from_record":5,"to_record":9,"old":{"/a":[")" + digits_of('a') +
                              R"("]},"new":{"/a":[")" + digits_of('b') + R"("]}}])";
  const std::string text = text_in(document, "/a");
  EXPECT_THAT(text, HasSubstr(digits_of('a') + ", by update \"u\" for records below 9"));
  EXPECT_THAT(text, HasSubstr(digits_of('b') + ", by update \"u\" for records from 5"));
  EXPECT_EQ(explanation_json(explain_in(document, "/a"))["accepted"], true);
}

}  // namespace explain_test
}  // namespace imakeep::reference
