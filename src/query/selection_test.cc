// SPDX-License-Identifier: Apache-2.0
#include "query/selection.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/test_archive.h"

namespace imakeep::query {
namespace selection_test {

using namespace imakeep::test;

using ::testing::HasSubstr;

bool fits(const Selection& selection, const Event& event, Sight sight = Sight::kFirst) {
  const Bytes body = body_of(event);
  const auto content = content_of(event, body);
  return selection.fits({.numbered = {.record = {.content = content}},
                         .facts = facts_of(content, kHostOrder),
                         .between = {.not_before_s = 100, .not_after_s = 200},
                         .sight = sight});
}

const Event kEvent{.path = "/usr/bin/x y", .content = "x"};

TEST(Selection, WithoutConditionsTakesEverything) {
  EXPECT_TRUE(fits({}, kEvent));
  EXPECT_TRUE(fits({}, {.path = ""}));
}

TEST(Selection, MatchesTheWholeNameWithAPattern) {
  const auto by = [](std::vector<std::string> patterns) { return fits({.paths = std::move(patterns)}, kEvent); };
  // IMA writes spaces in names as underscores.
  EXPECT_TRUE(by({"/usr/bin/x_y"}));
  EXPECT_TRUE(by({"/usr/*"}));
  EXPECT_TRUE(by({"*_y"}));
  EXPECT_TRUE(by({"/usr/bin/[xy]?y"}));
  EXPECT_TRUE(by({"/opt/*", "/usr/*"}));
  EXPECT_FALSE(by({"/usr/bin"}));
  EXPECT_FALSE(by({"bin/*"}));
  EXPECT_FALSE(by({""}));
}

TEST(Selection, FindsADigestWithAndWithoutItsAlgorithm) {
  const auto by = [](const std::string& text) {
    return fits({.digests = {imalog::test::must(parse_wanted_digest(text))}}, kEvent);
  };
  EXPECT_TRUE(by(sha256_of("x")));
  EXPECT_TRUE(by(sha256_of("x").substr(7)));
  EXPECT_FALSE(by("sm3:" + sha256_of("x").substr(7)));
  EXPECT_FALSE(by(sha256_of("y")));
  EXPECT_FALSE(fits({.digests = {imalog::test::must(parse_wanted_digest(sha256_of("x")))}}, {.path = "/a"}));
}

TEST(ParseWantedDigest, RefusesWhatNoRecordCanHave) {
  const auto error = [](const char* text) { return parse_wanted_digest(text).error().message; };
  EXPECT_THAT(error(""), HasSubstr("is no digest"));
  EXPECT_THAT(error("abcd"), HasSubstr("is no digest"));
  EXPECT_THAT(error("sha256:xyz"), HasSubstr("is no digest"));
  EXPECT_THAT(error("sha256:00000000000000000000000000000000"), HasSubstr("has 16 bytes; a sha256 digest has 32"));
}

TEST(Selection, TakesTemplatesPcrsAndViolations) {
  EXPECT_TRUE(fits({.templates = {"ima-sig", "ima-ng"}}, kEvent));
  EXPECT_FALSE(fits({.templates = {"ima-sig"}}, kEvent));
  EXPECT_TRUE(fits({.pcrs = {10, 11}}, kEvent));
  EXPECT_FALSE(fits({.pcrs = {11}}, kEvent));
  EXPECT_FALSE(fits({.violations = true}, kEvent));
  EXPECT_TRUE(fits({.violations = true}, {.path = "/a"}));
}

TEST(Selection, TakesRecordsThatMayHaveBeenArchivedInTime) {
  EXPECT_TRUE(fits({.since_s = 200}, kEvent));
  EXPECT_FALSE(fits({.since_s = 201}, kEvent));
  EXPECT_TRUE(fits({.until_s = 100}, kEvent));
  EXPECT_FALSE(fits({.until_s = 99}, kEvent));
  EXPECT_TRUE(fits({.since_s = 150, .until_s = 160}, kEvent));
}

TEST(Selection, TakesFirstSightsAndThoseThatMayBe) {
  EXPECT_TRUE(fits({.first_seen = true}, kEvent, Sight::kFirst));
  EXPECT_TRUE(fits({.first_seen = true}, kEvent, Sight::kUnknown));
  EXPECT_FALSE(fits({.first_seen = true}, kEvent, Sight::kAgain));
  EXPECT_FALSE(fits({.first_seen = true}, kEvent, Sight::kNone));
}

TEST(Selection, DemandsEveryCondition) {
  EXPECT_TRUE(fits({.paths = {"/usr/*"}, .pcrs = {10}, .until_s = 150}, kEvent));
  EXPECT_FALSE(fits({.paths = {"/usr/*"}, .pcrs = {11}, .until_s = 150}, kEvent));
}

}  // namespace selection_test
}  // namespace imakeep::query
