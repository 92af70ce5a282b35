// SPDX-License-Identifier: Apache-2.0
#include "logappraisal/attestation_result.h"

#include <gtest/gtest.h>

#include "attest/test_support.h"
#include "ear/claims.h"
#include "policy/test_support.h"

namespace imakeep::logappraisal {
namespace attestation_result_test {

using ear::Claim;
using imalog::test::must;
using policy::PolicyText;

constexpr const char* kFolder = "templates/quote-mid";
constexpr std::size_t kCovered = 93;  // records of PCR 10 and of PCR 11 that the quote, and the value of PCR 11, cover

const digest::Bank kSha1 = imalog::test::bank("sha1");

struct Case {
  std::string excludes = R"(["(?s).*"])";  // every name; some have a newline
  std::size_t records = kCovered;
  bool flips_a_bit = false;
  bool accepts_violations = true;
  bool gives_pcr_11 = true;
};

Bytes list_of(const Case& of) {
  Bytes list = imalog::test::first_records(imalog::test::captured_binary("templates", kSha1), kSha1, of.records);
  if (of.flips_a_bit) list.back() ^= std::byte{1};
  return list;
}

// The quote, and the value of PCR 11, which it does not cover, after its records.
attest::Expected expected(const Case& of) {
  attest::Expected expected = attest::test::captured_quote(kFolder).expected();
  if (!of.gives_pcr_11) return expected;
  imalog::PcrState state(attest::replayed_banks(expected));
  const Bytes covered = list_of({});
  for (const auto& record : imalog::test::records_of(covered, imalog::test::format_of(kSha1))) {
    imalog::extend(state, record.content());
  }
  expected.values.push_back({.bank = state.banks()[0], .pcr = 11, .value = state.value(0, 11)});
  return expected;
}

ear::Ear result_of(const Case& of) {
  std::vector<LoadedPolicy> policies;
  policies.push_back(
      {.file = "p.json",
       .policy = std::make_shared<policy::CompiledPolicy>(policy::compiled(PolicyText{
           .excludes = of.excludes,
           .imakeep = of.accepts_violations ? R"({"version": 1, "violations": {"patterns": ["(?s).*"]}})" : ""}
                                                                               .str()))});
  LogAppraisal appraisal = must(LogAppraisal::make(policies, {.first = 100}));
  const Bytes list = list_of(of);
  attest::ListLog log({"list"}, attest::test::in_memory([&](const std::string&) -> Result<Bytes> { return list; }),
                      kSha1);
  const auto check = must(attest::check_log(log, expected(of), std::nullopt, std::nullopt, &appraisal));
  return attestation_result(appraisal.result(check), policies, check, attest::test::captured_quote(kFolder).quote,
                            {.issued_at_s = 1'700'000'000,
                             .verifier = {.developer = "imakeep", .build = "imakeep 1"},
                             .host = "web1",
                             .chain = 3,
                             .first = 100});
}

TEST(AttestationResult, SaysWhatTheQuoteProves) {
  const ear::Ear ear = result_of({});
  ASSERT_EQ(ear.appraisals.size(), 1u);
  const ear::Appraisal& of_host = ear.appraisals[0];
  EXPECT_EQ(of_host.name, "web1");
  EXPECT_EQ(of_host.vector[Claim::kInstanceIdentity], 2);
  EXPECT_EQ(of_host.vector[Claim::kExecutables], 32) << "a rule accepts the violations";
  EXPECT_EQ(of_host.vector[Claim::kHardware], 0) << "nobody checked the maker of the TPM";
  ASSERT_TRUE(of_host.proof);
  EXPECT_EQ(of_host.proof->chain, 3u);
  EXPECT_EQ(of_host.proof->n, 100 + kCovered);
  EXPECT_EQ(of_host.proof->failed, 0u);
  EXPECT_FALSE(of_host.proof->pcrs.empty());
  EXPECT_EQ(of_host.evidence_nonce, attest::test::captured_quote(kFolder).nonce);
  for (const auto profile : {ear::Profile::kVeraison, ear::Profile::kIetf}) {
    EXPECT_TRUE(ear::make_claims(ear, profile)) << profile_tag(profile);
  }
}

TEST(AttestationResult, NamesWhatIsRefused) {
  const ear::Appraisal of_host = result_of({.excludes = "[]"}).appraisals[0];
  EXPECT_EQ(of_host.vector[Claim::kExecutables], 33);
  EXPECT_GT(of_host.proof->failed, ear::kMostFindings);
  ASSERT_EQ(of_host.proof->findings.size(), ear::kMostFindings);
  EXPECT_GE(of_host.proof->findings[0].index, 100u);
  EXPECT_EQ(of_host.proof->n, 100 + kCovered) << "what a policy refuses is proven all the same";
}

TEST(AttestationResult, AViolationThatNoRuleAcceptsContraindicates) {
  const ear::Appraisal of_host = result_of({.accepts_violations = false}).appraisals[0];
  EXPECT_EQ(of_host.vector[Claim::kExecutables], 96);
  EXPECT_GT(of_host.proof->failed, 0u);
}

TEST(AttestationResult, ProvesNothingIfTheLogDoesNotMatch) {
  const ear::Appraisal of_host = result_of({.flips_a_bit = true}).appraisals[0];
  EXPECT_EQ(of_host.vector[Claim::kInstanceIdentity], 99);
  EXPECT_FALSE(of_host.proof->n);
  EXPECT_TRUE(of_host.proof->pcrs.empty());
  EXPECT_EQ(of_host.vector.status(), ear::Tier::kContraindicated);
}

TEST(AttestationResult, EndsAtTheFirstRecordThatIsNotProven) {
  const ear::Appraisal of_host = result_of({.records = kCovered + 5}).appraisals[0];
  EXPECT_EQ(of_host.proof->n, 100 + kCovered);
  EXPECT_TRUE(of_host.proof->pcrs.empty()) << "the replay ends with later values";
}

TEST(AttestationResult, EndsBeforeARecordOfAPcrThatWasNotQuoted) {
  const ear::Appraisal of_host = result_of({.gives_pcr_11 = false}).appraisals[0];
  const auto records = imalog::test::records_of(list_of({}), imalog::test::format_of(kSha1));
  std::size_t first = 0;
  while (records.at(first).pcr == 10) ++first;
  ASSERT_GT(first, 0u);
  EXPECT_EQ(of_host.proof->n, 100 + first);
  EXPECT_EQ(of_host.vector[Claim::kInstanceIdentity], 2);
}

}  // namespace attestation_result_test
}  // namespace imakeep::logappraisal
