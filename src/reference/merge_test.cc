// SPDX-License-Identifier: Apache-2.0
#include "reference/merge.h"

#include <gmock/gmock.h>

#include "policy/compiled_policy.h"
#include "reference/test_support.h"

namespace imakeep::reference {
namespace merge_test {

using policy::Verdict;
using ::testing::HasSubstr;

Document with_file(const std::string& path, char digit) {
  Document document;
  document.files()[path] = {digits_of(digit)};
  return document;
}

policy::CompiledPolicy compiled_of(const Document& document) {
  const auto parsed = policy::parse_policy(as_bytes(write_document(document)), policy::Mode::kStrict);
  EXPECT_TRUE(parsed) << parsed.error().message;
  return *policy::CompiledPolicy::compile(*parsed);
}

Verdict verdict_of(const policy::CompiledPolicy& policy, const std::string& path, char digit,
                   std::optional<std::uint64_t> record) {
  const Bytes digest = *from_hex(digits_of(digit));
  return policy.look_up({.name = path, .algorithm = digest::Algorithm::kSha256, .digest = digest, .record = record})
      .verdict;
}

TEST(Merge, OfADocumentWithItselfChangesNothing) {
  Document merged = full_document();
  ASSERT_TRUE(merge(merged, full_document()));
  EXPECT_EQ(write_document(merged), write_document(full_document()));
}

TEST(Merge, AddsEveryMemberOfTheOther) {
  Document merged = with_file("/a", 'a');
  ASSERT_TRUE(merge(merged, full_document()));
  Document expected = full_document();
  expected.files()["/a"] = {digits_of('a')};
  EXPECT_EQ(write_document(merged), write_document(expected));
}

TEST(Merge, JoinsRules) {
  Document one;
  Document two;
  one.rules = {{"violations", R"({"paths":["/a"]})"},
               {"path_classes", R"({"x":{"paths":["/a"]}})"},
               {"signatures", R"([{"where":{"paths":["/a"]}}])"}};
  two.rules = {{"violations", R"({"paths":["/b"],"patterns":["/c.*"]})"},
               {"path_classes", R"({"y":{"paths":["/b"]}})"},
               {"signatures", R"([{"where":{"paths":["/b"]}}])"}};
  ASSERT_TRUE(merge(one, two));
  EXPECT_EQ(one.rules["violations"], R"({"paths":["/a","/b"],"patterns":["/c.*"]})");
  EXPECT_EQ(one.rules["path_classes"], R"({"x":{"paths":["/a"]},"y":{"paths":["/b"]}})");
  EXPECT_EQ(one.rules["signatures"], R"([{"where":{"paths":["/a"]}},{"where":{"paths":["/b"]}}])");
}

TEST(Merge, RefusesContradictions) {
  const auto error_of = [](Document one, const Document& two) {
    const auto merged = merge(one, two);
    return merged ? "merged" : merged.error().message;
  };
  Document sha256;
  Document sha1;
  sha256.log_hash_algorithm = "sha256";
  EXPECT_THAT(error_of(sha1, sha256), HasSubstr("/ima/log_hash_alg: the policies differ"));
  Document one;
  Document two;
  one.rules = {{"path_classes", R"({"x":{"paths":["/a"]}})"}};
  two.rules = {{"path_classes", R"({"x":{"paths":["/b"]}})"}};
  EXPECT_THAT(error_of(one, two), HasSubstr("/imakeep/path_classes/x"));
  one.rules = {{"updates", R"([{"name":"u"}])"}};
  two.rules = {{"updates", R"([{"name":"u","to_record":5}])"}};
  EXPECT_THAT(error_of(one, two), HasSubstr("/imakeep/updates, \"u\""));
  one.rules = {{"algorithms", R"(["sm3"])"}};
  two.rules.clear();
  EXPECT_THAT(error_of(one, two), HasSubstr("/imakeep/algorithms"));
  one = full_document();
  two = full_document();
  two.further["site"] = "1";
  EXPECT_THAT(error_of(one, two), HasSubstr("/site"));
}

TEST(MergeUpdate, AcceptsOldThenBothThenNew) {
  Document before = with_file("/usr/bin/ls", 'a');
  Document after = with_file("/usr/bin/ls", 'b');
  before.files()["/usr/bin/same"] = {digits_of('c')};
  after.files()["/usr/bin/same"] = {digits_of('c')};
  before.files()["/usr/bin/gone"] = {digits_of('d')};
  const auto bracket = merge_update(before, after, {.name = "u", .from_record = 100, .to_record = 200});
  ASSERT_TRUE(bracket) << bracket.error().message;
  const policy::CompiledPolicy policy = compiled_of(*bracket);
  EXPECT_EQ(verdict_of(policy, "/usr/bin/ls", 'a', 99), Verdict::kAccepted);
  EXPECT_EQ(verdict_of(policy, "/usr/bin/ls", 'b', 99), Verdict::kOtherDigest);
  EXPECT_EQ(verdict_of(policy, "/usr/bin/ls", 'a', 150), Verdict::kAccepted);
  EXPECT_EQ(verdict_of(policy, "/usr/bin/ls", 'b', 150), Verdict::kAccepted);
  EXPECT_EQ(verdict_of(policy, "/usr/bin/ls", 'a', 200), Verdict::kOtherDigest);
  EXPECT_EQ(verdict_of(policy, "/usr/bin/ls", 'b', 200), Verdict::kAccepted);
  EXPECT_EQ(verdict_of(policy, "/usr/bin/gone", 'd', 199), Verdict::kAccepted);
  EXPECT_EQ(verdict_of(policy, "/usr/bin/gone", 'd', 200), Verdict::kOtherDigest);
  EXPECT_EQ(verdict_of(policy, "/usr/bin/same", 'c', 0), Verdict::kAccepted);
  EXPECT_EQ(verdict_of(policy, "/usr/bin/same", 'c', 500), Verdict::kAccepted);
}

TEST(MergeUpdate, RefusesAnUpdateThatEndsBeforeItBegins) {
  const auto bracket = merge_update({}, {}, {.name = "u", .from_record = 5, .to_record = 4});
  ASSERT_FALSE(bracket);
  EXPECT_EQ(bracket.error().code, ErrorCode::kUsage);
  EXPECT_TRUE(merge_update({}, {}, {.name = "u", .from_record = 5, .to_record = 5}));
}

}  // namespace merge_test
}  // namespace imakeep::reference
