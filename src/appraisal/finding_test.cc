// SPDX-License-Identifier: Apache-2.0
#include "appraisal/finding.h"

#include <gtest/gtest.h>

namespace imakeep::appraisal {
namespace finding_test {

Finding sample() {
  return {.record = 7, .reasons = {Reason::kOtherDigest}, .path = "/bin/a", .digest = "sha256:aa"};
}

TEST(Identity, DependsOnHostPathDigestAndFirstReasonAlone) {
  const auto base = identity("host", sample());
  Finding same = sample();
  same.record = 8;
  same.detail = "x";
  same.package = "p";
  same.reasons.push_back(Reason::kSignatureBad);
  same.policy = digest::Digest(32);
  EXPECT_EQ(identity("host", same), base);
  EXPECT_FALSE(identity("other", sample()) == base);
  for (const int part : {0, 1, 2}) {
    Finding other = sample();
    if (part == 0) other.path = "/bin/b";
    if (part == 1) other.digest = "sha256:ab";
    if (part == 2) other.reasons = {Reason::kUnknownPath};
    EXPECT_FALSE(identity("host", other) == base) << part;
  }
}

TEST(Identity, TellsPartsThatJoinToTheSameTextApart) {
  Finding one = sample();
  Finding other = sample();
  one.path = "ab";
  one.digest = "c";
  other.path = "a";
  other.digest = "bc";
  EXPECT_FALSE(identity("h", one) == identity("h", other));
}

TEST(Identity, StaysAcrossVersions) {
  // Made with python3's hashlib from the layout that the header states.
  EXPECT_EQ(to_hex(identity("host", sample()).view()),
            "f42f6c80fc1317293cd36bec53b0650c3dd911ca6ea7f3f3e559fd2d3d266b7a");
}

TEST(ReportedFindings, ReportOneFindingOnce) {
  ReportedFindings reported;
  const auto one = identity("host", sample());
  const auto other = identity("other", sample());
  EXPECT_TRUE(reported.is_new(one));
  EXPECT_FALSE(reported.is_new(one));
  EXPECT_TRUE(reported.is_new(other));
  EXPECT_EQ(reported.size(), 2u);
}

TEST(ReportedFindings, ForgetTheOldestBeyondTheirBound) {
  ReportedFindings reported(2);
  const auto at = [](int i) { return identity(std::to_string(i), sample()); };
  EXPECT_TRUE(reported.is_new(at(1)));
  EXPECT_TRUE(reported.is_new(at(2)));
  EXPECT_TRUE(reported.is_new(at(3)));
  EXPECT_EQ(reported.size(), 2u);
  EXPECT_FALSE(reported.is_new(at(2)));
  EXPECT_TRUE(reported.is_new(at(1))) << "the oldest was forgotten: it is reported again, not lost";
}

TEST(ReportedFindings, WithoutRoomReportEveryTime) {
  ReportedFindings reported(0);
  EXPECT_TRUE(reported.is_new(identity("host", sample())));
  EXPECT_TRUE(reported.is_new(identity("host", sample())));
}

TEST(PackageText, LeavesOutAnUnknownArchitecture) {
  EXPECT_EQ(package_text({.name = "a", .version = "1"}), "a 1");
  EXPECT_EQ(package_text({.name = "a", .version = "1", .architecture = "all"}), "a 1 all");
}

}  // namespace finding_test
}  // namespace imakeep::appraisal
