// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include <gtest/gtest.h>

#include "attest/test_support.h"
#include "imalog/template_data.h"
#include "logappraisal/log_appraisal.h"
#include "policy/test_support.h"

namespace imakeep::logappraisal {
namespace saved_appraisal_test {

using imalog::test::Content;
using imalog::test::must;
using policy::PolicyText;

const digest::Bank kSha256 = imalog::test::bank("sha256");

Content ng(const std::string& path, char digit) {
  return {.body = *imalog::make_body("ima-ng", {.path = path, .file_digest = policy::bytes_of_hex(digit)},
                                     ByteOrder::kLittle)};
}

std::vector<LoadedPolicy> make_policies() {
  std::vector<LoadedPolicy> policies;
  for (const char* const name : {"/a", "/b"}) {
    const std::string text =
        PolicyText{.digests = "{\"" + std::string(name) + "\": [\"" + policy::hex_of('a') + "\"]}"}.str();
    policies.push_back({.file = name, .policy = std::make_shared<policy::CompiledPolicy>(policy::compiled(text))});
  }
  return policies;
}

const std::vector<LoadedPolicy>& two_policies() {
  static const std::vector<LoadedPolicy> policies = make_policies();
  return policies;
}
// Accepted and refused, one finding twice, a path that is watched.
const std::vector<Content> kRecords{ng("/a", 'a'), ng("/x", 'a'), ng("/b", 'a'), ng("/a", 'c'),
                                    ng("/x", 'a'), ng("/y", 'a'), ng("/b", 'a')};

AppraisalOptions options(std::size_t most_findings = 10) {
  return {.host = "web-1", .first = 100, .most_findings = most_findings, .watched = {"/b", "/z"}};
}

void see(LogAppraisal& appraisal, const Content& content) {
  appraisal.see(appraisal.records(),
                {.content = content.view(), .bank = kSha256, .shown = {}, .order = ByteOrder::kLittle}, true);
}

void expect_same(const AppraisalResult& one, const AppraisalResult& other) {
  EXPECT_EQ(one.records, other.records);
  EXPECT_EQ(one.accepted, other.accepted);
  EXPECT_EQ(one.refused, other.refused);
  EXPECT_EQ(one.not_kept, other.not_kept);
  EXPECT_EQ(one.accepted_again, other.accepted_again);
  ASSERT_EQ(one.findings.size(), other.findings.size());
  for (std::size_t i = 0; i < one.findings.size(); ++i) {
    const KeptFinding& a = one.findings[i];
    const KeptFinding& b = other.findings[i];
    EXPECT_EQ(a.identity, b.identity);
    EXPECT_EQ(a.times, b.times);
    EXPECT_EQ(a.pcr, b.pcr);
    EXPECT_EQ(a.finding.record, b.finding.record);
    EXPECT_EQ(a.finding.reasons.front(), b.finding.reasons.front());
    EXPECT_EQ(a.finding.path, b.finding.path);
    EXPECT_EQ(a.finding.digest, b.finding.digest);
    EXPECT_EQ(a.finding.policy, b.finding.policy);
  }
}

// Saved and resumed before each record.
TEST(SavedAppraisal, GoesOnAsIfItHadNotBeenSaved) {
  for (const std::size_t most : {10u, 2u, 0u}) {
    LogAppraisal whole = must(LogAppraisal::make(two_policies(), options(most)));
    LogAppraisal resumed = must(LogAppraisal::make(two_policies(), options(most)));
    for (const Content& content : kRecords) {
      resumed = must(LogAppraisal::resume(resumed.save(), two_policies(), options(most)));
      see(resumed, content);
      see(whole, content);
      EXPECT_EQ(resumed.last_accepted(), whole.last_accepted());
    }
    resumed = must(LogAppraisal::resume(resumed.save(), two_policies(), options(most)));
    const AppraisalResult result = whole.result_of_proven();
    EXPECT_EQ(result.accepted_again.size(), 1u);
    EXPECT_EQ(result.not_kept, most == 10 ? 0u : most == 2 ? 1u : 4u);
    expect_same(resumed.result_of_proven(), result);
  }
}

LogAppraisal seen_all() {
  LogAppraisal appraisal = must(LogAppraisal::make(two_policies(), options()));
  for (const Content& content : kRecords) see(appraisal, content);
  return appraisal;
}

TEST(SavedAppraisal, ForgetsPathsThatAreWatchedNoLonger) {
  AppraisalOptions fewer = options();
  fewer.watched = {"/z"};
  LogAppraisal resumed = must(LogAppraisal::resume(seen_all().save(), two_policies(), fewer));
  EXPECT_TRUE(resumed.result_of_proven().accepted_again.empty());
}

TEST(SavedAppraisal, ThatIsCutShortOrHasMoreBytesIsRefused) {
  Bytes saved = seen_all().save();
  for (std::size_t size = 0; size < saved.size(); ++size) {
    const auto resumed = LogAppraisal::resume(ByteView(saved).first(size), two_policies(), options());
    ASSERT_FALSE(resumed) << size;
    ASSERT_EQ(resumed.error().code, ErrorCode::kTruncated) << size;
  }
  saved.push_back(std::byte{0});
  EXPECT_EQ(LogAppraisal::resume(saved, two_policies(), options()).error().code, ErrorCode::kMalformed);
}

TEST(SavedAppraisal, OfOtherPoliciesRecordsOrBoundsIsRefused) {
  const Bytes saved = seen_all().save();
  const auto code = [&saved](const std::vector<LoadedPolicy>& policies, AppraisalOptions with) {
    const auto resumed = LogAppraisal::resume(saved, policies, std::move(with));
    return resumed ? ErrorCode::kUsage : resumed.error().code;
  };
  EXPECT_EQ(code({two_policies()[0]}, options()), ErrorCode::kMalformed);
  AppraisalOptions later = options();
  later.first = 102;
  EXPECT_EQ(code(two_policies(), later), ErrorCode::kMalformed) << "a finding of a record before the first";
  EXPECT_EQ(code(two_policies(), options(2)), ErrorCode::kMalformed) << "more findings than are kept";
  AppraisalOptions smaller = options();
  smaller.most_finding_bytes = 100;
  EXPECT_EQ(code(two_policies(), smaller), ErrorCode::kMalformed);
}

TEST(SavedAppraisal, WithImpossibleValuesIsRefused) {
  // magic  records@8  rules@16  accepted@17  reasons@137  refused@138  not_kept@378  findings@386  the first one@390:
  // identity, record@422, reason@430, pcr@431, times@435
  const Bytes saved = seen_all().save();
  const auto refused = [&saved](std::size_t at, int value) {
    Bytes changed = saved;
    changed[at] = std::byte(value);
    const auto resumed = LogAppraisal::resume(changed, two_policies(), options());
    return !resumed && resumed.error().code == ErrorCode::kMalformed;
  };
  EXPECT_TRUE(refused(7, '2')) << "another version";
  EXPECT_TRUE(refused(8, 3)) << "fewer records than are accepted";
  EXPECT_TRUE(refused(16, 14)) << "another count of rules";
  EXPECT_TRUE(refused(24, 0xff)) << "counts that overflow";
  EXPECT_TRUE(refused(137, 29)) << "another count of reasons";
  EXPECT_TRUE(refused(378, 200)) << "more findings beyond the bound than records";
  EXPECT_TRUE(refused(422, 107)) << "a finding of a record that was not seen";
  EXPECT_TRUE(refused(430, 30)) << "an unknown reason";
  EXPECT_TRUE(refused(431, 24)) << "a PCR that no TPM has";
  EXPECT_TRUE(refused(435, 0)) << "a finding without a record";
  Bytes twice = saved;
  const std::size_t second = 390 + 65 + 2 + ("sha256:" + policy::hex_of('a')).size() + 32;
  std::copy_n(saved.begin() + 390, 32, twice.begin() + static_cast<std::ptrdiff_t>(second));
  EXPECT_EQ(LogAppraisal::resume(twice, two_policies(), options()).error().code, ErrorCode::kMalformed) << "one twice";
}

TEST(LogAppraisal, CutsTextsAndCountsFindingsBeyondItsBytes) {
  AppraisalOptions small = options();
  small.most_text_bytes = 4;
  small.most_finding_bytes = 2 * (65 + 4 + 4 + 32);
  LogAppraisal appraisal = must(LogAppraisal::make(two_policies(), small));
  for (const char* const path : {"/long-1", "/long-2", "/long-3"}) see(appraisal, ng(path, 'a'));
  const AppraisalResult result = appraisal.result_of_proven();
  ASSERT_EQ(result.findings.size(), 2u) << "the identity is that of the whole path";
  EXPECT_EQ(result.findings[1].finding.path, "/lon");
  EXPECT_EQ(result.not_kept, 1u);
  EXPECT_EQ(result.refused_records(), 3u);
}

}  // namespace saved_appraisal_test
}  // namespace imakeep::logappraisal
