// SPDX-License-Identifier: Apache-2.0
#include "logappraisal/attestation_result.h"

#include <algorithm>

#include "base/text.h"

namespace imakeep::logappraisal {
namespace {

using appraisal::Reason;
using appraisal::Rule;
using ear::RecordOutcome;

RecordOutcome outcome_of(Reason reason) {
  switch (reason) {
    case Reason::kUnknownPath:
    case Reason::kUnknownBootAggregate:
    case Reason::kUnknownKeyring:
    case Reason::kUnknownBuffer:
      return RecordOutcome::kUnknownFile;
    case Reason::kViolation:
      return RecordOutcome::kViolation;
    case Reason::kSignatureMissing:
    case Reason::kSignatureUnreadable:
    case Reason::kSignatureKey:
    case Reason::kSignatureBad:
    case Reason::kSignatureDigest:
    case Reason::kSignatureKeyring:
    case Reason::kSignatureUnchecked:
    case Reason::kSignatureDates:
      return RecordOutcome::kBadSignature;
    default:
      return RecordOutcome::kWrongDigest;
  }
}

bool is_of_boot(Reason reason) {
  return reason == Reason::kUnknownBootAggregate || reason == Reason::kOtherBootAggregate ||
         reason == Reason::kBootAggregatePcrs;
}

std::uint64_t refused_for(const AppraisalResult& appraisal, Reason reason) {
  return appraisal.refused[static_cast<std::size_t>(reason)];
}

std::uint64_t accepted_by(const AppraisalResult& appraisal, Rule rule) {
  return appraisal.accepted[static_cast<std::size_t>(rule)];
}

// Whether a policy has the boot aggregate among its digests.
bool is_reference(const std::vector<LoadedPolicy>& policies, const attest::BootAggregate& stated) {
  return std::ranges::any_of(policies, [&](const LoadedPolicy& loaded) {
    const auto answer = loaded.policy.look_up({.map = policy::DigestMap::kFiles,
                                               .name = "boot_aggregate",
                                               .algorithm = stated.algorithm,
                                               .digest = stated.digest.view()});
    return answer.verdict == policy::Verdict::kAccepted || answer.verdict == policy::Verdict::kAnyPath;
  });
}

ear::BootOutcome boot_outcome(const AppraisalResult& appraisal, const std::vector<LoadedPolicy>& policies,
                              const attest::LogCheck& check) {
  const bool compared_differs = check.boot_aggregate && !check.boot_aggregate->matches;
  if (compared_differs || refused_for(appraisal, Reason::kOtherBootAggregate) > 0 ||
      refused_for(appraisal, Reason::kBootAggregatePcrs) > 0) {
    return ear::BootOutcome::kDiffers;
  }
  const bool of_pcrs = check.boot_aggregate && check.boot_aggregate->matches;
  return of_pcrs && check.stated_aggregate && is_reference(policies, *check.stated_aggregate)
             ? ear::BootOutcome::kMatches
             : ear::BootOutcome::kNoReference;
}

ear::TrustVector vector_of(const AppraisalResult& appraisal, ear::BootOutcome boot, bool proven) {
  ear::TrustVector vector;
  vector.set(ear::Claim::kInstanceIdentity,
             ear::instance_identity(proven ? ear::KeyOutcome::kEnrolled : ear::KeyOutcome::kProofFailed));
  vector.set(ear::Claim::kConfiguration, ear::configuration(boot));
  const auto add = [&](RecordOutcome outcome) { ear::add_record(vector, ear::RecordKind::kExecutable, outcome); };
  const std::uint64_t violations =
      accepted_by(appraisal, Rule::kViolationPath) + accepted_by(appraisal, Rule::kViolationIgnored);
  if (violations > 0) add(RecordOutcome::kViolationAllowed);
  if (appraisal.accepted_records() > violations) add(RecordOutcome::kApproved);
  for (std::size_t reason = 0; reason < appraisal::kReasonCount; ++reason) {
    if (appraisal.refused[reason] == 0 || is_of_boot(static_cast<Reason>(reason))) continue;
    add(outcome_of(static_cast<Reason>(reason)));
  }
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

std::string digest_text_of(ByteView digest) {
  return "sha256:" + to_hex(digest);
}

std::vector<ear::ReportedFinding> findings_of(const AppraisalResult& appraisal) {
  std::vector<ear::ReportedFinding> findings;
  for (const KeptFinding& kept : appraisal.findings) {
    if (findings.size() == ear::kMostFindings) break;
    const appraisal::ReasonInfo& reason = info(kept.finding.reasons.front());
    findings.push_back({.index = kept.finding.record,
                        .path = kept.finding.path,
                        .reason = std::string(reason.name),
                        .rule = std::string(reason.event_id)});
  }
  return findings;
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
                   .findings = findings_of(appraisal)};
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
    const std::string digest = digest_text_of(loaded.policy.source().view());
    of_host.policy_ids.push_back(digest);
    proof.policies.push_back(
        {.id = loaded.file, .digest = digest, .from = context.first, .to = context.first + appraisal.records});
  }
  of_host.proof = std::move(proof);
  return {.issued_at_s = context.issued_at_s, .verifier = context.verifier, .appraisals = {std::move(of_host)}};
}

}  // namespace imakeep::logappraisal
