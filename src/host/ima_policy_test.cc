// SPDX-License-Identifier: Apache-2.0
#include "host/ima_policy.h"

#include <gtest/gtest.h>

namespace imakeep::host {
namespace ima_policy_test {

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

TEST(ParsePolicy, TheFirstLineThatIsNoRuleIsFound) {
  const auto line = [](std::string_view text) { return first_line_that_is_no_rule(parse_policy(text)); };
  EXPECT_EQ(line("# rules\nmeasure func=FILE_CHECK mask=^MAY_READ uid>=100 fowner<10\ndont_hash obj_type=a\n"),
            std::nullopt);
  EXPECT_EQ(line("appraise func=MODULE_CHECK appraise_type=imasig|modsig permit_directio\n"), std::nullopt);
  EXPECT_EQ(line("measure\nmeasured uid=0\n"), 2u);
  EXPECT_EQ(line("measure uid=0\nmeasure everything\n"), 2u);
  EXPECT_EQ(line("measure uid=\n"), 1u);
  EXPECT_EQ(line("measure =0\n"), 1u);
  EXPECT_EQ(line(std::string_view("\x7f\0\xff\n\x01", 5)), 1u);
}

TEST(CheckPolicy, BothRulesBeforeThoseThatMeasureKeepImakeepOut) {
  const PolicyCheck found = check("dont_measure fowner=812\ndont_measure fsmagic=0x65735546 \nmeasure uid=0\n");
  EXPECT_FALSE(found.archive_measured_at);
  EXPECT_FALSE(found.view_measured_at);
}

TEST(CheckPolicy, ARuleAfterOneThatMeasuresIsTooLate) {
  const PolicyCheck found =
      check("dont_measure fsmagic=0x65735546\nmeasure func=FILE_CHECK\ndont_measure fowner=812\nmeasure\n");
  EXPECT_EQ(found.archive_measured_at, 2u);
  EXPECT_FALSE(found.view_measured_at);
}

TEST(CheckPolicy, ARuleThatExemptsOnlyAPartDoesNotDo) {
  EXPECT_EQ(check("dont_measure fowner=812 func=BPRM_CHECK\nmeasure uid=0\n").archive_measured_at, 2u);
  EXPECT_EQ(check("dont_measure fsmagic=0x65735546 uid=5\nmeasure uid=0\n").view_measured_at, 2u);
}

TEST(CheckPolicy, AnotherUserOrFileSystemDoesNotDo) {
  const PolicyCheck found = check("dont_measure fowner=8120\ndont_measure fsmagic=0x9fa0\nmeasure uid=0\n");
  EXPECT_EQ(found.archive_measured_at, 3u);
  EXPECT_EQ(found.view_measured_at, 3u);
  EXPECT_EQ(check("dont_measure fowner>812\nmeasure uid=0\n").archive_measured_at, 2u);
}

TEST(CheckPolicy, ARuleOfAnotherOwnerMeasuresNeither) {
  const PolicyCheck found = check("measure func=FILE_CHECK mask=MAY_READ fowner=0\nmeasure fowner=812\n");
  EXPECT_EQ(found.archive_measured_at, 2u);
  EXPECT_EQ(found.view_measured_at, 2u);
}

TEST(CheckPolicy, ARuleOfFuseMeasuresTheViewAlone) {
  for (const char* const rule : {"measure fsmagic=0x65735546\n", "measure func=FILE_CHECK fsname=fuse\n"}) {
    EXPECT_FALSE(check(rule).archive_measured_at) << rule;
    EXPECT_EQ(check(rule).view_measured_at, 1u) << rule;
  }
  EXPECT_EQ(check("measure fsmagic=0xef53\n").archive_measured_at, 1u);
  EXPECT_FALSE(check("measure fsmagic=0xef53\n").view_measured_at);
}

TEST(CheckPolicy, HexIsTakenInEitherCase) {
  EXPECT_FALSE(check("dont_measure fsmagic=0X65735546\nmeasure\n").view_measured_at);
  EXPECT_FALSE(check("dont_measure fsmagic=65735546\nmeasure\n").view_measured_at);
}

TEST(CheckPolicy, RulesThatMeasureNoFilesMayComeFirst) {
  const PolicyCheck found =
      check("measure func=KEY_CHECK\nmeasure func=CRITICAL_DATA label=selinux\ndont_measure fowner=812\nmeasure\n");
  EXPECT_FALSE(found.archive_measured_at);
  EXPECT_EQ(found.view_measured_at, 4u);
}

TEST(CheckPolicy, ExecutedMappedOrLoadedFilesAreNotImakeeps) {
  // As Keylime's example policy has it.
  const PolicyCheck found = check(
      "dont_measure fsmagic=0x9fa0\nmeasure func=BPRM_CHECK\nmeasure func=FILE_MMAP mask=MAY_EXEC\n"
      "measure func=MMAP_CHECK mask=MAY_EXEC\nmeasure func=MODULE_CHECK uid=0\nmeasure func=FIRMWARE_CHECK\n"
      "measure mask=MAY_EXEC\nmeasure func=FILE_CHECK mask=^MAY_EXEC\n");
  EXPECT_FALSE(found.archive_measured_at);
  EXPECT_FALSE(found.view_measured_at);
}

TEST(CheckPolicy, AReadIsMeasuredUnderEitherName) {
  for (const std::string rule :
       {"measure", "measure func=FILE_CHECK mask=^MAY_READ euid=0", "measure func=PATH_CHECK mask=MAY_READ uid=0"}) {
    const PolicyCheck found = check("measure func=BPRM_CHECK\n" + rule + "\n");
    EXPECT_EQ(found.archive_measured_at, 2u) << rule;
    EXPECT_EQ(found.view_measured_at, 2u) << rule;
  }
}

TEST(CheckPolicy, ARuleForAnotherFileSystemDoesNotMeasureTheView) {
  const PolicyCheck found = check("measure func=FILE_CHECK fsmagic=0xef53\nmeasure fsname=ext4\n");
  EXPECT_EQ(found.archive_measured_at, 1u);
  EXPECT_FALSE(found.view_measured_at);
  EXPECT_EQ(check("measure fsmagic=0x65735546\n").view_measured_at, 1u);
  EXPECT_EQ(check("measure fsname=fuse\n").view_measured_at, 1u);
}

TEST(CheckPolicy, APolicyThatMeasuresNoFilesNeedsNoRule) {
  for (const char* policy : {"appraise fowner=0\ndont_appraise fsmagic=0x9fa0\nmeasure func=KEXEC_CMDLINE\n", ""}) {
    EXPECT_FALSE(check(policy).archive_measured_at);
    EXPECT_FALSE(check(policy).view_measured_at);
  }
}

}  // namespace ima_policy_test
}  // namespace imakeep::host
