// SPDX-License-Identifier: Apache-2.0
#include "appraisal/file_rules.h"

#include <algorithm>

#include "appraisal/file_signatures.h"
#include "base/text.h"

namespace imakeep::appraisal {
namespace {

FileSignatures signatures_of(const Grounds& by, const FileRecord& file, const signature::Keyrings& keyrings) {
  return check_file_signatures(file.fields, file.digest, file.order, keyrings, by.dates);
}

// Whether the file has the signature that a rule requires.
FileSignatures check_required(const Grounds& by, const FileRecord& file, const policy::RequiredSignature& required) {
  FileSignatures any = signatures_of(by, file, by.keys.all());
  if (!any.verified || required.keyrings.empty()) return any;
  for (const std::string& name : required.keyrings) {
    const signature::Keyrings* const keyring = by.keys.keyring(name);
    if (keyring != nullptr && signatures_of(by, file, *keyring).verified) return any;
  }
  std::string names;
  for (const std::string& name : required.keyrings) names += (names.empty() ? "" : ", ") + name;
  return {.reason = Reason::kSignatureKeyring, .detail = "a key of these keyrings has to sign: " + names};
}

// Refused if the file lacks one of the signatures that the policy requires.
std::optional<Judgement> missing_signature(const Grounds& by, const FileRecord& file) {
  for (const policy::RequiredSignature* const required : by.policy->required_signatures(file.fields.name)) {
    FileSignatures answer = check_required(by, file, *required);
    if (!answer.verified) return Judgement::refuse(answer.reason, std::move(answer.detail));
  }
  return std::nullopt;
}

bool compares(const policy::CompiledPolicy& policy, signature::HashAlgorithm algorithm) {
  const auto known = policy_algorithm(algorithm);
  return known && std::ranges::find(policy.rules().algorithms, *known) != policy.rules().algorithms.end();
}

// The digest is the policy's, but belongs to an update that does not cover this record.
std::string update_detail(const policy::Answer& answer, const FileRecord& file) {
  for (const policy::KnownDigestView& known : answer.nearest) {
    if (known.update != nullptr && equal(known.digest, file.digest.digest)) {
      return "update " + printable(known.update->name) + " accepts this digest, but not for record " +
             std::to_string(file.number);
    }
  }
  return {};
}

policy::Answer look_up_digest(const Grounds& by, const FileRecord& file) {
  const bool verity = file.digest.kind == signature::DigestKind::kVerity;
  return by.policy->look_up({.map = verity ? policy::DigestMap::kVerity : policy::DigestMap::kFiles,
                             .name = file.fields.name,
                             .algorithm = policy_algorithm(file.digest.algorithm),
                             .digest = file.digest.digest,
                             .record = file.number});
}

std::optional<Rule> accepting_rule(policy::Verdict verdict) {
  switch (verdict) {
    case policy::Verdict::kExcluded:
      return Rule::kExclude;
    case policy::Verdict::kAccepted:
      return Rule::kDigest;
    case policy::Verdict::kAnyPath:
      return Rule::kAnyPath;
    case policy::Verdict::kOtherDigest:
    case policy::Verdict::kUnknownName:
      break;
  }
  return std::nullopt;
}

}  // namespace

Judgement judge_file(const Grounds& by, const FileRecord& file) {
  if (auto refused = missing_signature(by, file)) return std::move(*refused);
  policy::Answer answer = look_up_digest(by, file);
  if (const auto rule = accepting_rule(answer.verdict)) return Judgement::accept(*rule);
  const FileSignatures signatures = by.keys.empty() ? FileSignatures{} : signatures_of(by, file, by.keys.all());
  if (signatures.verified) return Judgement::accept(*signatures.verified);
  Judgement judgement;
  if (answer.verdict == policy::Verdict::kUnknownName) {
    judgement = Judgement::refuse(Reason::kUnknownPath);
  } else if (!compares(*by.policy, file.digest.algorithm)) {
    judgement = Judgement::refuse(Reason::kDigestAlgorithm,
                                  "the policy compares no digests by " + std::string(info(file.digest.algorithm).name));
  } else {
    judgement = Judgement::refuse(Reason::kOtherDigest, update_detail(answer, file));
  }
  judgement.nearest = std::move(answer.nearest);
  if (signatures.reason != Reason::kSignatureMissing) {
    judgement.reasons.push_back(signatures.reason);
    judgement.detail += (judgement.detail.empty() ? "" : "; ") + signatures.detail;
  }
  return judgement;
}

Judgement judge_boot_aggregate(const Grounds& by, const FileRecord& file) {
  const auto algorithm = policy_algorithm(file.digest.algorithm);
  const bool checked = algorithm && by.boot.has_bank(*algorithm);
  if (checked && !by.boot.matches(*algorithm, file.digest.digest)) {
    return Judgement::refuse(
        Reason::kBootAggregatePcrs,
        "PCRs 0 to 9 of " + std::string(info(file.digest.algorithm).name) + " lead to another boot aggregate");
  }
  policy::Answer answer = look_up_digest(by, file);
  if (const auto rule = accepting_rule(answer.verdict)) return Judgement::accept(*rule);
  if (answer.verdict == policy::Verdict::kUnknownName) {
    if (checked) return Judgement::accept(Rule::kBootPcrs);
    return Judgement::refuse(Reason::kUnknownBootAggregate);
  }
  Judgement judgement = Judgement::refuse(Reason::kOtherBootAggregate);
  judgement.nearest = std::move(answer.nearest);
  return judgement;
}

Judgement judge_violation(const Grounds& by, std::string_view path) {
  return by.policy->violation_accepted(path) ? Judgement::accept(Rule::kViolationPath)
                                             : Judgement::refuse(Reason::kViolation);
}

}  // namespace imakeep::appraisal
