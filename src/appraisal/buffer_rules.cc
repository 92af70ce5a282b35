// SPDX-License-Identifier: Apache-2.0
#include "appraisal/buffer_rules.h"

#include <algorithm>

#include "signature/measured_key.h"

namespace imakeep::appraisal {
namespace {

policy::Answer look_up_buffer(const Grounds& by, const FileRecord& record, policy::DigestMap map) {
  return by.policy->look_up({.map = map,
                             .name = record.fields.name,
                             .algorithm = policy_algorithm(record.digest.algorithm),
                             .digest = record.digest.digest,
                             .record = record.number});
}

Judgement refused_name(policy::Answer answer, Reason unknown, Reason other) {
  Judgement judgement = Judgement::refuse(answer.verdict == policy::Verdict::kUnknownName ? unknown : other);
  judgement.nearest = std::move(answer.nearest);
  return judgement;
}

bool ignores_keyring(const policy::Rules& rules, std::string_view keyring) {
  return std::ranges::any_of(rules.ignored_keyrings,
                             [&](const std::string& ignored) { return ignored == "*" || ignored == keyring; });
}

Judgement judge_key(const Grounds& by, const FileRecord& record, const signature::Key& key) {
  if (ignores_keyring(by.policy->rules(), record.fields.name)) return Judgement::accept(Rule::kIgnoredKeyring);
  policy::Answer answer = look_up_buffer(by, record, policy::DigestMap::kKeyrings);
  if (answer.verdict == policy::Verdict::kExcluded) return Judgement::accept(Rule::kExclude);
  if (answer.verdict != policy::Verdict::kAccepted) {
    Judgement judgement = refused_name(std::move(answer), Reason::kUnknownKeyring, Reason::kOtherKey);
    if (!key.can_check()) judgement.reasons.push_back(Reason::kInvalidKey);
    return judgement;
  }
  // Nothing can be signed by a key that cannot check signatures. The policy lists it, so it is no finding.
  if (key.can_check() && !learn_key(by, record.number, record.fields.name, record.fields.buffer, key)) {
    return Judgement::refuse(Reason::kTooManyKeys);
  }
  return Judgement::accept(Rule::kKey);
}

// Takes "NAME=DIGITS;" off the front.
bool take_figure(std::string_view& text, std::string_view name) {
  if (!text.starts_with(name)) return false;
  text.remove_prefix(name.size());
  const std::size_t digits = std::min(text.find_first_not_of("0123456789"), text.size());
  constexpr std::size_t kMostDigits = 20;
  if (digits == 0 || digits > kMostDigits || digits == text.size() || text[digits] != ';') return false;
  text.remove_prefix(digits + 1);
  return true;
}

}  // namespace

bool is_kexec_figures(std::string_view name, ByteView buffer) {
  if (name != "kexec_load" && name != "kexec_execute") return false;
  std::string_view text = as_text(buffer);
  return take_figure(text, "kexec_segment_size=") && take_figure(text, "ima_binary_runtime_size=") &&
         take_figure(text, "ima_runtime_measurements_count=") && text.empty();
}

Judgement judge_buffer(const Grounds& by, const FileRecord& record) {
  const auto digest = signature::hash_of(record.digest.algorithm, {record.fields.buffer});
  if (!digest) {
    return Judgement::refuse(Reason::kDigestAlgorithm,
                             "this machine's OpenSSL lacks " + std::string(info(record.digest.algorithm).name));
  }
  if (!equal(digest->view(), record.digest.digest)) return Judgement::refuse(Reason::kBufferDigest);
  if (const auto key = signature::key_in_buffer(record.fields.buffer)) return judge_key(by, record, *key);
  policy::Answer answer = look_up_buffer(by, record, policy::DigestMap::kBuffers);
  if (answer.verdict == policy::Verdict::kExcluded) return Judgement::accept(Rule::kExclude);
  if (answer.verdict == policy::Verdict::kAccepted) return Judgement::accept(Rule::kBuffer);
  const bool named = answer.verdict == policy::Verdict::kOtherDigest;
  if (!named && is_kexec_figures(record.fields.name, record.fields.buffer)) {
    return Judgement::accept(Rule::kKexecFigures);
  }
  return refused_name(std::move(answer), Reason::kUnknownBuffer, Reason::kOtherBuffer);
}

}  // namespace imakeep::appraisal
