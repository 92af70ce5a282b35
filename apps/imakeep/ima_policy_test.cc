#include "ima_policy.h"

#include <gtest/gtest.h>

namespace imakeep::app {
namespace {

constexpr uid_t kOwner = 812;

PolicyCheck check(std::string_view text) {
  return check_policy(parse_policy(text), kOwner);
}

TEST(ParsePolicy, ARuleIsAnActionAndItsConditions) {
  const auto rules = parse_policy("# a comment\n\n  measure func=BPRM_CHECK  mask=MAY_EXEC\ndont_measure fowner=812\n");
  ASSERT_EQ(rules.size(), 2u);
  EXPECT_EQ(rules[0].line, 3u);
  EXPECT_EQ(rules[0].action, "measure");
  EXPECT_EQ(rules[0].conditions, (std::vector<std::string>{"func=BPRM_CHECK", "mask=MAY_EXEC"}));
  EXPECT_EQ(rules[1].line, 4u);
}

TEST(CheckPolicy, BothRulesBeforeThoseThatMeasureKeepImakeepOut) {
  const PolicyCheck found = check("dont_measure fowner=812\ndont_measure fsmagic=0x65735546 \nmeasure uid=0\n");
  EXPECT_TRUE(found.measures_files);
  EXPECT_TRUE(found.exempts_owner);
  EXPECT_TRUE(found.exempts_fuse);
}

TEST(CheckPolicy, ARuleBehindOneThatMeasuresIsTooLate) {
  const PolicyCheck found =
      check("dont_measure fsmagic=0x65735546\nmeasure func=FILE_CHECK\ndont_measure fowner=812\n");
  EXPECT_EQ(found.measured_from, 2u);
  EXPECT_FALSE(found.exempts_owner);
  EXPECT_TRUE(found.exempts_fuse);
}

TEST(CheckPolicy, ARuleThatExemptsOnlyAPartDoesNotDo) {
  EXPECT_FALSE(check("dont_measure fowner=812 func=BPRM_CHECK\nmeasure uid=0\n").exempts_owner);
  EXPECT_FALSE(check("dont_measure fsmagic=0x65735546 uid=5\nmeasure uid=0\n").exempts_fuse);
}

TEST(CheckPolicy, AnotherUserOrFileSystemDoesNotDo) {
  const PolicyCheck found = check("dont_measure fowner=8120\ndont_measure fsmagic=0x9fa0\nmeasure uid=0\n");
  EXPECT_FALSE(found.exempts_owner);
  EXPECT_FALSE(found.exempts_fuse);
  EXPECT_FALSE(check("dont_measure fowner>812\nmeasure uid=0\n").exempts_owner);
}

TEST(CheckPolicy, HexIsTakenInEitherCase) {
  EXPECT_TRUE(check("dont_measure fsmagic=0X65735546\nmeasure\n").exempts_fuse);
  EXPECT_TRUE(check("dont_measure fsmagic=65735546\nmeasure\n").exempts_fuse);
}

TEST(CheckPolicy, RulesThatMeasureNoFilesMayComeFirst) {
  const PolicyCheck found =
      check("measure func=KEY_CHECK\nmeasure func=CRITICAL_DATA label=selinux\ndont_measure fowner=812\nmeasure\n");
  EXPECT_TRUE(found.exempts_owner);
  EXPECT_EQ(found.measured_from, 4u);
}

TEST(CheckPolicy, APolicyThatMeasuresNoFilesNeedsNoRule) {
  EXPECT_FALSE(check("appraise fowner=0\ndont_appraise fsmagic=0x9fa0\nmeasure func=KEXEC_CMDLINE\n").measures_files);
  EXPECT_FALSE(check("").measures_files);
}

}  // namespace
}  // namespace imakeep::app
