// SPDX-License-Identifier: Apache-2.0
#include "logappraisal/log_appraisal.h"

#include <sys/stat.h>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "attest/test_support.h"
#include "imalog/template_data.h"
#include "logappraisal/report.h"
#include "policy/test_support.h"
#include "support/key_tools.h"

namespace imakeep::logappraisal {
namespace log_appraisal_test {

using appraisal::Reason;
using appraisal::Rule;
using imakeep::test::ScratchDirectory;
using imalog::test::Content;
using imalog::test::must;
using policy::hex_of;
using policy::Mode;
using policy::PolicyText;

const digest::Bank kSha256 = imalog::test::bank("sha256");

// A record of template ima-ng over a digest of sha256.
Content ng(const std::string& path, char digit) {
  return {.body = *imalog::make_body("ima-ng", {.path = path, .file_digest = policy::bytes_of_hex(digit)},
                                     ByteOrder::kLittle)};
}

LoadedPolicy accepting(const std::string& path, char digit, const std::string& file = "policy.json") {
  return {.file = file,
          .policy = std::make_shared<policy::CompiledPolicy>(
              policy::compiled(PolicyText{.digests = "{\"" + path + "\": [\"" + hex_of(digit) + "\"]}"}.str()))};
}

std::vector<LoadedPolicy> policies_of(LoadedPolicy one) {
  std::vector<LoadedPolicy> policies;
  policies.push_back(std::move(one));
  return policies;
}

AppraisalResult appraised(const std::vector<Content>& contents, const std::vector<LoadedPolicy>& policies,
                          AppraisalOptions options = {}, std::size_t proven = 0) {
  attest::Expected expected;
  if (proven > 0) {
    imalog::PcrState state({kSha256});
    for (std::size_t i = 0; i < proven; ++i) imalog::extend(state, contents[i].view());
    expected.values.push_back({.bank = kSha256, .pcr = 10, .value = state.value(0, 10)});
  }
  attest::ListLog log = attest::test::log_of(imalog::test::list_of(contents, kSha256));
  LogAppraisal appraisal = must(LogAppraisal::make(policies, std::move(options)));
  const auto check = must(attest::check_log(log, expected, std::nullopt, std::nullopt, &appraisal));
  return appraisal.result(check);
}

TEST(LogAppraisal, CountsByRuleAndByFirstReason) {
  const auto policies = policies_of(accepting("/a", 'a'));
  const auto result = appraised({ng("/a", 'a'), ng("/b", 'a'), ng("/a", 'b'), ng("/a", 'a')}, policies);
  EXPECT_EQ(result.records, 4u);
  EXPECT_EQ(result.accepted[static_cast<std::size_t>(Rule::kDigest)], 2u);
  EXPECT_EQ(result.refused[static_cast<std::size_t>(Reason::kUnknownPath)], 1u);
  EXPECT_EQ(result.refused[static_cast<std::size_t>(Reason::kOtherDigest)], 1u);
  EXPECT_EQ(result.refused_records(), 2u);
  ASSERT_EQ(result.findings.size(), 2u);
  EXPECT_EQ(result.findings[0].finding.record, 1u);
  EXPECT_EQ(result.findings[1].finding.nearest.at(0).digest, hex_of('a'));
}

TEST(LogAppraisal, KeepsOneFindingOnce) {
  const auto policies = policies_of(accepting("/a", 'a'));
  const auto result = appraised({ng("/b", 'a'), ng("/b", 'b'), ng("/b", 'a'), ng("/b", 'a')}, policies);
  ASSERT_EQ(result.findings.size(), 2u);
  EXPECT_EQ(result.findings[0].times, 3u);
  EXPECT_EQ(result.findings[1].times, 1u);
}

TEST(LogAppraisal, CountsFindingsBeyondItsBound) {
  const auto policies = policies_of(accepting("/a", 'a'));
  const auto result =
      appraised({ng("/1", 'a'), ng("/2", 'a'), ng("/3", 'a'), ng("/1", 'a')}, policies, {.most_findings = 1});
  ASSERT_EQ(result.findings.size(), 1u);
  EXPECT_EQ(result.findings[0].times, 2u);
  EXPECT_EQ(result.not_kept, 2u);
  EXPECT_EQ(result.refused_records(), 4u);
}

TEST(LogAppraisal, ReportsTheRecordsOfItsRangeAlone) {
  const auto policies = policies_of(accepting("/a", 'a'));
  const auto result = appraised({ng("/1", 'a'), ng("/2", 'a'), ng("/3", 'a'), ng("/a", 'a')}, policies,
                                {.first = 100, .from = 101, .to = 103});
  EXPECT_EQ(result.records, 2u);
  ASSERT_EQ(result.findings.size(), 2u);
  EXPECT_EQ(result.findings[0].finding.record, 101u);
  EXPECT_EQ(result.findings[1].finding.path, "/3");
}

TEST(LogAppraisal, AcceptsWhatOneOfSeveralPoliciesAccepts) {
  std::vector<LoadedPolicy> policies;
  policies.push_back(accepting("/a", 'a', "one"));
  policies.push_back(accepting("/b", 'b', "two"));
  const auto result = appraised({ng("/a", 'a'), ng("/b", 'b'), ng("/b", 'c'), ng("/c", 'c')}, policies);
  EXPECT_EQ(result.accepted_records(), 2u);
  ASSERT_EQ(result.findings.size(), 2u);
  EXPECT_EQ(result.findings[0].policy_file, "two") << "this policy knows the path";
  EXPECT_EQ(result.findings[0].finding.reasons, std::vector{Reason::kOtherDigest});
  EXPECT_EQ(result.findings[1].policy_file, "one") << "none knows the path";
}

TEST(LogAppraisal, TellsProvenFindingsFromOthers) {
  const auto policies = policies_of(accepting("/a", 'a'));
  const std::vector<Content> contents{ng("/1", 'a'), ng("/2", 'a'), ng("/3", 'a')};
  const auto result = appraised(contents, policies, {}, 2);
  ASSERT_EQ(result.findings.size(), 3u);
  EXPECT_TRUE(result.findings[0].proven);
  EXPECT_TRUE(result.findings[1].proven);
  EXPECT_FALSE(result.findings[2].proven) << "it comes after the match";
  EXPECT_FALSE(appraised(contents, policies).findings[0].proven) << "nothing was expected";
}

TEST(AppraisalReport, EscapesWhatRecordsName) {
  const auto policies = policies_of(accepting("/a", 'a'));
  const auto result = appraised({ng("/\x1b[2J\nx", 'a')}, policies);
  const std::string text = appraisal_text(result, policies);
  EXPECT_NE(text.find("/\\x1b[2J\\x0ax"), std::string::npos) << text;
  EXPECT_EQ(text.find('\x1b'), std::string::npos);
  EXPECT_NE(text.find("0 of 1 records accepted, 1 refused\n"), std::string::npos) << text;
  EXPECT_NE(text.find("refused   1 unknown-path (ima.validation.ima-ng.not_in_allowlist)\n"), std::string::npos);
  EXPECT_EQ(refusal(result).code, ErrorCode::kMismatch);
}

TEST(AppraisalReport, HasTheSameInJson) {
  const auto policies = policies_of(accepting("/a", 'a'));
  const auto result = appraised({ng("/a", 'a'), ng("/a", 'b')}, policies, {.host = "h"}, 2);
  const nlohmann::json json = appraisal_json(result, policies);
  EXPECT_EQ(json["records"], 2);
  EXPECT_EQ(json["accepted"], (nlohmann::json{{"digest", 1}}));
  EXPECT_EQ(json["refused"], (nlohmann::json{{"other-digest", 1}}));
  EXPECT_EQ(json["policies"][0]["sha256"], to_hex(policies[0].policy->source().view()));
  const nlohmann::json& finding = json["findings"][0];
  EXPECT_EQ(finding["record"], 1);
  EXPECT_EQ(finding["proven"], true);
  EXPECT_EQ(finding["path"], "/a");
  EXPECT_EQ(finding["digest"], "sha256:" + hex_of('b'));
  EXPECT_EQ(finding["events"], nlohmann::json::array({"ima.validation.ima-ng.runtime_policy_hash"}));
  EXPECT_EQ(finding["nearest"][0]["digest"], hex_of('a'));
  EXPECT_EQ(finding["identity"], to_hex(identity("h", result.findings[0].finding).view()));
}

// ---- inputs ---------------------------------------------------------------------------------------------------------

TEST(ReadKeyrings, TakesSubdirectoriesForKeyrings) {
  const ScratchDirectory scratch;
  const ScratchDirectory made;
  const auto one = imakeep::test::make_key(made, "one", imakeep::test::kP256);
  const auto two = imakeep::test::make_key(made, "two", imakeep::test::kP256);
  ::mkdir(scratch.file("vendor").c_str(), 0700);
  imakeep::test::write_file(scratch.file("one.crt"), imakeep::test::bytes_of_file(one.certificate()));
  imakeep::test::write_file(scratch.file("vendor/two.crt"), imakeep::test::bytes_of_file(two.certificate()));
  imakeep::test::write_file(scratch.file("README"), as_bytes("no key"));
  const LoadedKeys keys = must(read_keyrings(scratch.path()));
  const auto found = keys.keyrings.find(two.certified_key().id());
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].keyring, "vendor");
  EXPECT_EQ(keys.keyrings.find(one.certified_key().id()).at(0).keyring, ".ima");
  EXPECT_EQ(keys.unusable.size(), 1u);
}

TEST(ReadKeyrings, RefusesADirectoryWithoutKeys) {
  const ScratchDirectory scratch;
  EXPECT_EQ(read_keyrings(scratch.path()).error().code, ErrorCode::kUsage);
  EXPECT_EQ(read_keyrings(scratch.file("none")).error().code, ErrorCode::kEnvironment);
}

TEST(ReadPolicies, NameTheFileOfABadOne) {
  const ScratchDirectory scratch;
  imakeep::test::write_file(scratch.file("good"), as_bytes(PolicyText{}.str()));
  imakeep::test::write_file(scratch.file("bad"), as_bytes("{"));
  EXPECT_EQ(must(read_policies({scratch.file("good")}, Mode::kStrict, "")).size(), 1u);
  const auto bad = read_policies({scratch.file("good"), scratch.file("bad")}, Mode::kStrict, "");
  ASSERT_FALSE(bad);
  EXPECT_EQ(bad.error().message.find(scratch.file("bad")), 0u) << bad.error().message;
}

TEST(ReadPolicies, WithAKeyRefuseAPolicyThatNobodySigned) {
  const ScratchDirectory scratch;
  const auto key = imakeep::test::make_key(scratch, "key", imakeep::test::kP256);
  imakeep::test::write_file(scratch.file("good"), as_bytes(PolicyText{}.str()));
  EXPECT_FALSE(read_policies({scratch.file("good")}, Mode::kStrict, key.public_key()));
}

}  // namespace log_appraisal_test
}  // namespace imakeep::logappraisal
