// SPDX-License-Identifier: Apache-2.0
#include "appraisal/keylime_rules.h"

#include <algorithm>

#include "signature/measured_key.h"

namespace imakeep::appraisal {
namespace {

constexpr std::string_view kKeylimePcr = "10";
constexpr std::string_view kKeylimeBootAggregate = "boot_aggregate";

struct NameReasons {
  policy::DigestMap map;
  Rule listed;
  Reason unknown;
  Reason other;
};
constexpr NameReasons kFileNames = {policy::DigestMap::kFiles, Rule::kDigest, Reason::kUnknownPath,
                                    Reason::kOtherDigest};
constexpr NameReasons kKeyNames = {policy::DigestMap::kKeyrings, Rule::kKey, Reason::kUnknownKeyring,
                                   Reason::kOtherKey};
constexpr NameReasons kBufferNames = {policy::DigestMap::kBuffers, Rule::kBuffer, Reason::kUnknownBuffer,
                                      Reason::kOtherBuffer};

bool is_keylime_excluded(const Grounds& by, const KeylimeLine& line) {
  return by.policy != nullptr && by.policy->excluded(line.name).index;
}

// Without a policy everything is accepted. The algorithm's name is not compared.
Judgement judge_listed(const Grounds& by, const KeylimeLine& line, const NameReasons& names) {
  if (by.policy == nullptr) return Judgement::accept(Rule::kNoRule);
  policy::Answer answer = by.policy->look_up({.map = names.map, .name = line.name, .digest = line.digest});
  if (answer.verdict == policy::Verdict::kExcluded) return Judgement::accept(Rule::kExclude);
  if (answer.verdict == policy::Verdict::kAccepted) return Judgement::accept(names.listed);
  // Digests over given PCR values are appended to those that the policy lists.
  const bool from_pcrs =
      names.map == policy::DigestMap::kFiles && line.name == kKeylimeBootAggregate && !by.boot.empty();
  if (from_pcrs && by.boot.matches_any(line.digest)) return Judgement::accept(Rule::kBootPcrs);
  const bool named = answer.verdict == policy::Verdict::kOtherDigest || from_pcrs;
  Judgement judgement = Judgement::refuse(
      named ? names.other : names.unknown,
      answer.exclude_given_up ? "a pattern of the excludes took too many steps for this name, and does not count" : "");
  judgement.nearest = std::move(answer.nearest);
  return judgement;
}

// Keylime knows these hashes of signatures.
bool keylime_knows(signature::HashAlgorithm algorithm) {
  using signature::HashAlgorithm;
  constexpr HashAlgorithm kKnown[] = {HashAlgorithm::kMd5,         HashAlgorithm::kSha1,       HashAlgorithm::kSha256,
                                      HashAlgorithm::kSha384,      HashAlgorithm::kSha512,     HashAlgorithm::kSha224,
                                      HashAlgorithm::kStreebog256, HashAlgorithm::kStreebog512};
  return std::ranges::find(kKnown, algorithm) != std::end(kKnown);
}

// Keylime takes the file digest for what is signed, for portable signatures too.
bool keylime_verifies(const Grounds& by, const KeylimeLine& line) {
  auto signature = signature::parse_signature(line.signature);
  if (!signature || signature->version != 2 || !keylime_knows(signature->algorithm)) return false;
  if (line.algorithm != info(signature->algorithm).name) return false;
  signature->type = signature::SignatureType::kFile;
  const signature::SignedContent content{
      .file = signature::FileDigestView{.algorithm = signature->algorithm, .digest = line.digest}};
  return signature::check_signature(*signature, content, by.keys.first_with(signature->key_id)).verified();
}

Judgement judge_signed(const Grounds& by, const KeylimeLine& line) {
  if (!by.keys.empty() && !line.signature.empty()) {
    if (is_keylime_excluded(by, line)) return Judgement::accept(Rule::kExclude);
    if (keylime_verifies(by, line)) return Judgement::accept(Rule::kSignature);
  }
  if (by.policy != nullptr) return judge_listed(by, line, kFileNames);
  if (by.keys.empty()) return Judgement::accept(Rule::kNoRule);
  return Judgement::refuse(Reason::kSignatureBad);
}

Judgement judge_keylime_key(const Grounds& by, std::uint64_t record, const KeylimeLine& line,
                            const signature::Key& key) {
  if (!key.can_check()) return Judgement::refuse(Reason::kInvalidKey);
  const auto ignored = [&](const std::string& name) { return name == "*" || name == line.name; };
  if (by.policy != nullptr && std::ranges::any_of(by.policy->rules().ignored_keyrings, ignored)) {
    return Judgement::accept(Rule::kIgnoredKeyring);
  }
  Judgement judgement = judge_listed(by, line, kKeyNames);
  if (judgement.accepted && !learn_key(by, record, line.name, line.buffer, key)) {
    return Judgement::refuse(Reason::kTooManyKeys);
  }
  return judgement;
}

Judgement judge_content(const Grounds& by, std::uint64_t record, const KeylimeLine& line) {
  switch (line.form) {
    case KeylimeLine::Template::kIma:
    case KeylimeLine::Template::kImaNg:
      return judge_listed(by, line, kFileNames);
    case KeylimeLine::Template::kImaSig:
      return judge_signed(by, line);
    case KeylimeLine::Template::kImaBuf:
      break;
  }
  if (const auto key = signature::key_in_buffer(line.buffer)) return judge_keylime_key(by, record, line, *key);
  return judge_listed(by, line, kBufferNames);
}

}  // namespace

digest::Algorithm log_hash_of(const policy::CompiledPolicy* policy) {
  return policy == nullptr ? digest::Algorithm::kSha1 : policy->rules().log_hash_algorithm;
}

Judgement judge_keylime_line(const Grounds& by, std::uint64_t record, const KeylimeLine& line) {
  const digest::Algorithm log_hash = log_hash_of(by.policy);
  Judgement judgement;
  if (is_violation(line, log_hash)) {
    judgement = by.violations_fail ? Judgement::refuse(Reason::kViolation) : Judgement::accept(Rule::kViolationIgnored);
  } else if (!equal(digest::hash(log_hash, template_data(line)).view(), line.template_hash)) {
    judgement = Judgement::refuse(Reason::kTemplateDigest);
  } else {
    judgement = judge_content(by, record, line);
  }
  // A record of another PCR is a failure, and is judged like any other.
  if (line.pcr != kKeylimePcr) {
    judgement.accepted.reset();
    judgement.reasons.insert(judgement.reasons.begin(), Reason::kPcr);
  }
  return judgement;
}

}  // namespace imakeep::appraisal
