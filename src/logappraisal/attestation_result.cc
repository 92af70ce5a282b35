// SPDX-License-Identifier: Apache-2.0
#include "logappraisal/attestation_result.h"

#include <algorithm>

#include "base/text.h"
#include "logappraisal/trust_vector.h"

namespace imakeep::logappraisal {
namespace {

// REQUIRES: the log was read from its first record on.
ear::BootOutcome boot_outcome(const AppraisalResult& appraisal, const std::vector<LoadedPolicy>& policies,
                              const attest::LogCheck& check) {
  if (check.boot_aggregate && !check.boot_aggregate->matches) return ear::BootOutcome::kDiffers;
  if (boot_refused(appraisal)) return ear::BootOutcome::kDiffers;
  return check.boot_aggregate && check.stated_aggregate && is_reference(policies, *check.stated_aggregate)
             ? ear::BootOutcome::kMatches
             : ear::BootOutcome::kNoReference;
}

ear::TrustVector vector_of(const AppraisalResult& appraisal, ear::BootOutcome boot, bool proven) {
  ear::TrustVector vector;
  vector.set(ear::Claim::kInstanceIdentity,
             ear::instance_identity(proven ? ear::KeyOutcome::kEnrolled : ear::KeyOutcome::kProofFailed));
  vector.set(ear::Claim::kConfiguration, ear::configuration(boot));
  add_records(vector, appraisal);
  return vector;
}

// How many of the log's first records are proven: none after the first that is not.
std::uint64_t proven_prefix(const AppraisalResult& appraisal, const attest::LogCheck& check) {
  if (!check.quote_found_at || check.bad_record) return 0;
  std::uint64_t prefix = check.records;
  for (const attest::PcrProof& of : check.pcrs) {
    const auto& not_proven = of.matched ? of.first_unproven : appraisal.first_of_pcr.at(of.pcr);
    prefix = std::min(prefix, not_proven.value_or(prefix));
  }
  return prefix;
}

// The values of the PCRs that were compared, at the log's end. REQUIRES: every record is proven.
std::vector<ear::ProvenPcr> proven_pcrs(const attest::LogCheck& check) {
  std::vector<ear::ProvenPcr> pcrs;
  for (const attest::PcrProof& of : check.pcrs) {
    for (const digest::Bank& bank : of.banks) {
      const auto index = check.state.index_of(bank);
      if (!index) continue;
      const ByteView value = check.state.value(*index, of.pcr).view();
      pcrs.push_back({.bank = bank.name(), .pcr = of.pcr, .value = Bytes(value.begin(), value.end())});
    }
  }
  return pcrs;
}

}  // namespace

ear::Ear attestation_result(const AppraisalResult& appraisal, const std::vector<LoadedPolicy>& policies,
                            const attest::LogCheck& check, const tpm::Quote& quote, const ResultContext& context) {
  const std::uint64_t proven = proven_prefix(appraisal, check);
  ear::Proof proof{.chain = context.chain,
                   .first = context.first,
                   .reset_count = quote.clock.reset_count,
                   .restart_count = quote.clock.restart_count,
                   .clock_ms = quote.clock.clock_ms,
                   .quote_digest = digest_text_of(digest::hash(digest::Algorithm::kSha256, quote.signed_bytes).view()),
                   .failed = appraisal.refused_records(),
                   .findings = reported_findings(appraisal)};
  if (proven > 0) proof.n = context.first + proven;
  if (proven > 0 && proven == check.records) proof.pcrs = proven_pcrs(check);
  ear::Appraisal of_host{.name = context.host.empty() ? "host" : context.host,
                         .vector = vector_of(appraisal, boot_outcome(appraisal, policies, check), proven > 0)};
  constexpr std::size_t kLeastNonceBytes = 8;
  constexpr std::size_t kMostNonceBytes = 64;
  if (quote.extra_data.size() >= kLeastNonceBytes && quote.extra_data.size() <= kMostNonceBytes) {
    of_host.evidence_nonce = quote.extra_data;
  }
  for (const LoadedPolicy& loaded : policies) {
    const std::string digest = digest_text_of(loaded.policy->source().view());
    of_host.policy_ids.push_back(digest);
    proof.policies.push_back(
        {.id = loaded.file, .digest = digest, .from = context.first, .to = context.first + appraisal.records});
  }
  of_host.proof = std::move(proof);
  return {.issued_at_s = context.issued_at_s, .verifier = context.verifier, .appraisals = {std::move(of_host)}};
}

}  // namespace imakeep::logappraisal
