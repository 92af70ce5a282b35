// SPDX-License-Identifier: Apache-2.0
#include "policy/patterns.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "policy/test_support.h"

namespace imakeep::policy {
namespace patterns_test {

using ::testing::AllOf;
using ::testing::HasSubstr;

std::string refusal(const std::string& pattern, Mode mode, const Limits& limits = {}) {
  const auto checked = check_pattern(pattern, mode, limits);
  return checked ? "accepted" : checked.error().message;
}

Patterns patterns_of(const std::vector<std::string>& patterns, Mode mode) {
  auto compiled = Patterns::compile(patterns, mode);
  EXPECT_TRUE(compiled) << compiled.error().message;
  return std::move(*compiled);
}

bool matches(const std::string& pattern, std::string_view name, Mode mode) {
  return static_cast<bool>(patterns_of({pattern}, mode).match(name));
}

TEST(Patterns, MatchTheWholeNameInModeStrict) {
  EXPECT_TRUE(matches("/tmp", "/tmp", Mode::kStrict));
  EXPECT_FALSE(matches("/tmp", "/tmpfoo", Mode::kStrict));
  EXPECT_FALSE(matches("tmp", "/tmp", Mode::kStrict));
  EXPECT_TRUE(matches("/tmp/.*|/var", "/var", Mode::kStrict));
  EXPECT_FALSE(matches("/tmp/.*|/var", "/var/a", Mode::kStrict));
  EXPECT_FALSE(matches("/tmp/.*", "/tmp/a\nb", Mode::kStrict));
}

TEST(Patterns, MatchAtTheStartInModeKeylime) {
  EXPECT_TRUE(matches("/tmp", "/tmpfoo", Mode::kKeylime));
  EXPECT_FALSE(matches("tmp", "/tmp", Mode::kKeylime));
  EXPECT_TRUE(matches("/tmp$", "/tmp", Mode::kKeylime));
  EXPECT_FALSE(matches("/tmp$", "/tmpfoo", Mode::kKeylime));
  EXPECT_FALSE(matches("b|/c", "/a/c", Mode::kKeylime));
  EXPECT_TRUE(matches("", "/a", Mode::kKeylime));
  EXPECT_TRUE(matches("(?!/usr)/", "/tmp", Mode::kKeylime));
  EXPECT_FALSE(matches("(?!/usr)/", "/usr/bin", Mode::kKeylime));
  EXPECT_TRUE(matches("(?P<x>/a)(?P=x)", "/a/a/b", Mode::kKeylime));
}

TEST(Patterns, ManyAreMatchedAndTheOneIsNamed) {
  for (const Mode mode : {Mode::kStrict, Mode::kKeylime}) {
    std::vector<std::string> many;
    for (int i = 0; i < 3000; ++i) many.push_back("/dir" + std::to_string(i) + "/.*\\.log");
    const Patterns patterns = patterns_of(many, mode);
    for (const std::size_t i : {0u, 499u, 500u, 1777u, 2999u}) {
      EXPECT_EQ(patterns.match("/dir" + std::to_string(i) + "/x.log").index, i);
    }
    EXPECT_FALSE(patterns.match("/dir3000/x.log"));
    EXPECT_FALSE(patterns.match(""));
  }
}

// Names are compared with the range that RE2 gives for a pattern before the pattern itself is tried.
TEST(Patterns, MatchWhatEachPatternAloneMatches) {
  const std::vector<std::string> all{"",         "/tmp/.*",      "/a|/b/.*",  "(/a|/b)/x",     "(?i)/TMP/.*",
                                     "\u00e9?x", "/x*",          "/x+y{0,2}", "^/usr/.*$",     "\\Q/a.b\\E",
                                     "[^/].*",   ".*\\.pyc",     "\\C+\\xff", "\\x{10ffff}.*", "/a/?",
                                     "(?s)/n.*", "(?:/q)?/tmp/a"};
  const std::vector<std::string> names{"",
                                       "/",
                                       "/tmp",
                                       "/tmp/",
                                       "/tmp/a",
                                       "/TMP/a",
                                       "/tmpa",
                                       "/a",
                                       "/b",
                                       "/b/x",
                                       "/a/x",
                                       "/a/",
                                       "x",
                                       "\u00e9x",
                                       "/x",
                                       "/xx",
                                       "/xyy",
                                       "/xyyy",
                                       "/usr/lib/a",
                                       "/a.b",
                                       "/aXb",
                                       "a",
                                       "a/b.pyc",
                                       ".pyc",
                                       "\xff",
                                       "/\xff",
                                       "/n\n",
                                       "/q/tmp/a",
                                       "/q/tmp/ab",
                                       "\xf4\x8f\xbf\xbf"
                                       "a",
                                       "/tmp/\xff",
                                       "/tmp/\n",
                                       "/zzz",
                                       "/tmp/a/very/long/name/that/is/longer/than/the/bounds/of/a/range"};
  for (const std::string& pattern : all) {
    const Patterns alone = patterns_of({pattern}, Mode::kStrict);
    // Beside a pattern that any name may match, no range is used.
    const Patterns without_range = patterns_of({pattern, ".*none"}, Mode::kStrict);
    for (const std::string& name : names) {
      EXPECT_EQ(alone.match(name).index, without_range.match(name).index) << pattern << " " << name;
    }
  }
}

TEST(Patterns, NoneMatchNothing) {
  EXPECT_FALSE(Patterns().match("/a"));
  EXPECT_FALSE(patterns_of({}, Mode::kStrict).match("/a"));
}

TEST(CheckPattern, RefusesInModeStrictWhatRe2CannotExpress) {
  for (const std::string pattern : {"(?!a)b", "(?<=a)b", "(a)\\1", "(?P<x>a)(?P=x)", "a(", "[a", "*a", "a{1001}"}) {
    EXPECT_THAT(
        refusal(pattern, Mode::kStrict),
        AllOf(HasSubstr("pattern \"" + pattern + "\" is none that RE2 can express"), HasSubstr("mode keylime")));
  }
}

TEST(CheckPattern, RefusesInModeKeylimeWhatPythonRefuses) {
  for (const std::string pattern : {"a(", "[a", "*a", "a)|(b", "(*FAIL)", "(*LIMIT_MATCH=9)a"}) {
    EXPECT_THAT(refusal(pattern, Mode::kKeylime),
                AllOf(HasSubstr("pattern \"" + pattern + "\""), HasSubstr("Keylime ignores all excludes")));
  }
  EXPECT_EQ(refusal("[(*]a", Mode::kKeylime), "accepted");
  EXPECT_EQ(refusal("[](*]a", Mode::kKeylime), "accepted");
  EXPECT_EQ(refusal("\\(*a", Mode::kKeylime), "accepted");
}

TEST(CheckPattern, RefusesGroupsByNumberBecauseJoiningRenumbersThem) {
  EXPECT_THAT(refusal("(a)\\1", Mode::kKeylime), HasSubstr("refers to a group by number"));
  EXPECT_EQ(refusal("(?P<x>a)(?P=x)", Mode::kKeylime), "accepted");
}

TEST(CheckPattern, RefusesCostlyPatterns) {
  EXPECT_THAT(refusal("(\\pL{300}){3}", Mode::kStrict), HasSubstr("does not fit into RE2's memory"));
  EXPECT_THAT(refusal("[^/]{700}", Mode::kStrict), AllOf(HasSubstr("is too costly"), HasSubstr("steps, and 5000")));
  for (const std::string pattern : {"(a+)+$", "(.*)*x$", "/(b|b)*c", "(x+x+)+y", "(([a-z])+.)+[A-Z]([a-z])+$"}) {
    EXPECT_THAT(refusal(pattern, Mode::kKeylime), HasSubstr("is too costly")) << pattern;
  }
  EXPECT_THAT(refusal(std::string(4097, 'a'), Mode::kStrict), HasSubstr("4097 bytes, and 4096 are allowed"));
  EXPECT_THAT(refusal(std::string(4097, 'a'), Mode::kKeylime), HasSubstr("4097 bytes, and 4096 are allowed"));
  for (const Mode mode : {Mode::kStrict, Mode::kKeylime}) {
    EXPECT_EQ(refusal("/usr/.*/cache/.*\\.py[co]", mode), "accepted");
    EXPECT_EQ(refusal("^(/var|/tmp)/.*$", mode), "accepted");
  }
}

// A pattern that check_pattern() does not see to be slow is given up when a name makes it so.
TEST(Patterns, GivesUpAMatchThatTakesTooManySteps) {
  const Patterns patterns = patterns_of({"(\u00e9+)+$", "/found"}, Mode::kKeylime);
  std::string name;
  for (int i = 0; i < 60; ++i) name += "\u00e9";
  const Patterns::Match match = patterns.match(name + "!");
  EXPECT_FALSE(match);
  EXPECT_TRUE(match.given_up);
  EXPECT_EQ(patterns.match("/found").index, 1u);
}

TEST(Patterns, NamesNeedNotBeUtf8) {
  EXPECT_TRUE(matches("/tmp/", "/tmp/\xff\xfe", Mode::kKeylime));
  EXPECT_FALSE(matches("/tmp/.*", "/tmp/\xff\xfe", Mode::kStrict));
  for (const Mode mode : {Mode::kStrict, Mode::kKeylime}) {
    EXPECT_FALSE(matches("/tmp", "\xff/tmp", mode));
    EXPECT_FALSE(matches("^/tmp", "/a\xff/tmp", mode));
  }
}

}  // namespace patterns_test
}  // namespace imakeep::policy
