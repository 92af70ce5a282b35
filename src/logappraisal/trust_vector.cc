// SPDX-License-Identifier: Apache-2.0
#include "logappraisal/trust_vector.h"

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

}  // namespace

bool is_reference(const std::vector<LoadedPolicy>& policies, const attest::BootAggregate& stated) {
  return std::ranges::any_of(policies, [&](const LoadedPolicy& loaded) {
    const auto answer = loaded.policy->look_up({.map = policy::DigestMap::kFiles,
                                                .name = "boot_aggregate",
                                                .algorithm = stated.algorithm,
                                                .digest = stated.digest.view()});
    return answer.verdict == policy::Verdict::kAccepted || answer.verdict == policy::Verdict::kAnyPath;
  });
}

bool boot_refused(const AppraisalResult& appraisal) {
  return refused_for(appraisal, Reason::kOtherBootAggregate) > 0 ||
         refused_for(appraisal, Reason::kBootAggregatePcrs) > 0;
}

void add_records(ear::TrustVector& vector, const AppraisalResult& appraisal) {
  const auto add = [&](RecordOutcome outcome) { ear::add_record(vector, ear::RecordKind::kExecutable, outcome); };
  const std::uint64_t violations =
      accepted_by(appraisal, Rule::kViolationPath) + accepted_by(appraisal, Rule::kViolationIgnored);
  if (violations > 0) add(RecordOutcome::kViolationAllowed);
  if (appraisal.accepted_records() > violations) add(RecordOutcome::kApproved);
  for (std::size_t reason = 0; reason < appraisal::kReasonCount; ++reason) {
    if (appraisal.refused[reason] == 0 || is_of_boot(static_cast<Reason>(reason))) continue;
    add(outcome_of(static_cast<Reason>(reason)));
  }
}

std::string digest_text_of(ByteView digest) {
  return "sha256:" + to_hex(digest);
}

std::vector<ear::ReportedFinding> reported_findings(const AppraisalResult& appraisal) {
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

}  // namespace imakeep::logappraisal
