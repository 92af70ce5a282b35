// SPDX-License-Identifier: Apache-2.0
// The member "imakeep".
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "policy/policy.h"
#include "policy/test_support.h"

namespace imakeep::policy {
namespace superset_test {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::StartsWith;

auto is_error(const std::string& pointer, const std::string& reason) {
  return AllOf(StartsWith("/imakeep" + pointer + ": "), HasSubstr(reason), HasSubstr("; "));
}

// The error of a policy with these members of "imakeep" besides its version.
std::string error_with(const std::string& members, Mode mode = Mode::kStrict) {
  return error_of(PolicyText{.imakeep = R"({"version": 1, )" + members + "}"}.str(), mode);
}

const std::string kDigest = '"' + hex_of('b') + '"';

TEST(Superset, NeedsAVersionThatThisBuildKnows) {
  EXPECT_EQ(error_of(PolicyText{.imakeep = R"({"version": 1})"}.str()), "accepted");
  EXPECT_THAT(error_of(PolicyText{.imakeep = "{}"}.str()), is_error("", "\"version\" is missing"));
  EXPECT_THAT(error_of(PolicyText{.imakeep = R"({"version": 2})"}.str()), is_error("/version", "reads version 1"));
  EXPECT_THAT(error_of(PolicyText{.imakeep = "[]"}.str()), is_error("", "an object is needed"));
}

TEST(Superset, RefusesUnknownMembersAtEveryLevel) {
  EXPECT_THAT(error_with(R"("anypath": [])"), is_error("/anypath", "knows no such member"));
  EXPECT_THAT(error_with(R"("packages": [{"name": "a", "version": "1", "digests": [], "arch": "x"}])"),
              is_error("/packages/0/arch", "knows no such member"));
  EXPECT_THAT(error_with(R"("path_classes": {"c": {"prefixes": []}})"),
              is_error("/path_classes/c/prefixes", "knows no such member"));
  EXPECT_THAT(error_with(R"("path_classes": {"c": {"classes": []}})"),
              is_error("/path_classes/c/classes", "knows no such member"));
  EXPECT_THAT(error_with(R"("violations": {"path": []})"), is_error("/violations/path", "knows no such member"));
  EXPECT_THAT(error_with(R"("signatures": [{"where": {}, "key": []}])"),
              is_error("/signatures/0/key", "knows no such member"));
  EXPECT_THAT(error_with(R"("updates": [{"name": "u", "olds": {}}])"),
              is_error("/updates/0/olds", "knows no such member"));
  EXPECT_THAT(error_with(R"("records": {"pcr": []})"), is_error("/records/pcr", "knows no such member"));
}

TEST(Superset, RefusesUnknownMembersInModeKeylimeToo) {
  EXPECT_THAT(error_with(R"("anypath": [])", Mode::kKeylime), is_error("/anypath", "knows no such member"));
}

TEST(Superset, ChecksDigestsWhereverTheyStand) {
  EXPECT_THAT(error_with(R"("any_path": ["zz"])"), is_error("/any_path/0", "character 1 "));
  EXPECT_THAT(error_with(R"("boot_aggregates": ["00"])"), is_error("/boot_aggregates/0", "2 digits"));
  EXPECT_THAT(error_with(R"("verity_digests": {"/a": ["00"]})"), is_error("/verity_digests/~1a/0", "2 digits"));
  EXPECT_THAT(error_with(R"("verity_digests": {"/a": []})"), is_error("/verity_digests/~1a", "the array is empty"));
  EXPECT_THAT(error_with(R"("packages": [{"name": "a", "version": "1", "digests": [7]}])"),
              is_error("/packages/0/digests/0", "a text is needed"));
  EXPECT_THAT(error_with(R"("updates": [{"name": "u", "new": {"/a": ["00"]}}])"),
              is_error("/updates/0/new/~1a/0", "2 digits"));
}

TEST(Superset, LimitsDigestsToTheNamedAlgorithmsWhereverTheMemberStands) {
  const std::string sha1 = '"' + hex_of('a', 40) + '"';
  EXPECT_THAT(error_of(PolicyText{.digests = R"({"/a": [)" + kDigest + R"(], "/b": [)" + kDigest + ", " + sha1 + "]}",
                                  .imakeep = R"({"version": 1, "algorithms": ["sha256"]})"}
                           .str()),
              AllOf(StartsWith("/digests/~1b/1: "), HasSubstr("write one of sha256 (64)")));
  EXPECT_THAT(error_with(R"("any_path": [)" + sha1 + R"(], "algorithms": ["sm3"])"),
              is_error("/any_path/0", "write one of sm3 (64)"));
  EXPECT_THAT(error_with(R"("algorithms": ["sha256", "sm3"])"),
              is_error("/algorithms/1", "as long as those of sha256"));
  EXPECT_THAT(error_with(R"("algorithms": ["md4"])"), is_error("/algorithms/0", "no hash algorithm"));
  EXPECT_THAT(error_with(R"("algorithms": [])"), is_error("/algorithms", "empty"));
}

TEST(Superset, ChecksPackages) {
  EXPECT_THAT(error_with(R"("packages": [{"version": "1", "digests": []}])"),
              is_error("/packages/0", "\"name\" is missing"));
  EXPECT_THAT(error_with(R"("packages": [{"name": "", "version": "1", "digests": []}])"),
              is_error("/packages/0/name", "empty"));
  EXPECT_THAT(error_with(R"("packages": {})"), is_error("/packages", "an array is needed"));
}

TEST(Superset, ChecksPathSetsAndTheirClasses) {
  EXPECT_THAT(error_with(R"("violations": {"classes": ["c"]})"),
              is_error("/violations/classes/0", "no class of paths has this name"));
  EXPECT_EQ(error_with(R"("violations": {"classes": ["c"]}, "path_classes": {"c": {"paths": ["/a"]}})"), "accepted");
  EXPECT_THAT(error_with(R"("path_classes": {"": {}})"), is_error("/path_classes/", "empty"));
  // These patterns are RE2's in both modes.
  for (const Mode mode : {Mode::kStrict, Mode::kKeylime}) {
    EXPECT_THAT(error_with(R"j("path_classes": {"c": {"patterns": ["(?=a)"]}})j", mode),
                is_error("/path_classes/c/patterns/0", "none that RE2 can express"));
  }
  EXPECT_THAT(error_with(R"("signatures": [{"keyrings": []}])"), is_error("/signatures/0", "\"where\" is missing"));
}

TEST(Superset, ChecksUpdatesAndRecords) {
  EXPECT_THAT(error_with(R"("updates": [{"name": "u", "from_record": 8, "to_record": 7}])"),
              is_error("/updates/0/to_record", "ends before it begins"));
  EXPECT_THAT(error_with(R"("updates": [{"name": "u"}, {"name": "u"}])"),
              is_error("/updates/1/name", "another update has this name"));
  EXPECT_THAT(error_with(R"("updates": [{"name": "u", "from_record": -1}])"),
              is_error("/updates/0/from_record", "a whole number"));
  std::string many;
  for (int i = 0; i <= 100; ++i) many += std::string(i == 0 ? "" : ", ") + R"({"name": "u)" + std::to_string(i) + "\"}";
  EXPECT_THAT(error_with(R"("updates": [)" + many + "]"), is_error("/updates", "more than 100 updates"));
  EXPECT_THAT(error_with(R"("records": {"pcrs": [24]})"), is_error("/records/pcrs/0", "from 0 to 23"));
  EXPECT_THAT(error_with(R"("records": {"pcrs": []})"), is_error("/records/pcrs", "empty"));
  EXPECT_THAT(error_with(R"("records": {"templates": []})"), is_error("/records/templates", "empty"));
}

TEST(Superset, CountsItsPatternsTogetherWithTheExcludes) {
  const Limits limits = {.most_patterns = 2};
  const auto with = [](const std::string& patterns) {
    return PolicyText{.excludes = R"(["/a", "/b"])",
                      .imakeep = R"({"version": 1, "violations": {"patterns": )" + patterns + "}}"}
        .str();
  };
  EXPECT_EQ(error_of(with("[]"), Mode::kStrict, limits), "accepted");
  EXPECT_THAT(error_of(with(R"(["/c"])"), Mode::kStrict, limits), is_error("/violations/patterns/0", "more than 2"));
}

}  // namespace superset_test
}  // namespace imakeep::policy
