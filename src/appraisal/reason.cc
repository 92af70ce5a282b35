// SPDX-License-Identifier: Apache-2.0
#include "appraisal/reason.h"

#include <array>

namespace imakeep::appraisal {
namespace {

constexpr std::string_view kNotInAllowlist = "ima.validation.ima-ng.not_in_allowlist";
constexpr std::string_view kPolicyHash = "ima.validation.ima-ng.runtime_policy_hash";

// In the order of the enumerators.
constexpr std::array<ReasonInfo, kReasonCount> kReasons = {{
    {"unreadable-record", "ima.parser.entry"},
    {"unknown-template", "ima.parser.entry"},
    {"template-digest", "ima.validation.ima_hash"},
    {"pcr", "ima.validation.ima_pcr"},
    {"template", "imakeep.validation.template"},
    {"violation", "ima.validation.tomtou"},
    {"unknown-path", kNotInAllowlist},
    {"other-digest", kPolicyHash},
    {"digest-algorithm", "imakeep.validation.digest_algorithm"},
    {"unknown-boot-aggregate", kNotInAllowlist},
    {"other-boot-aggregate", kPolicyHash},
    {"boot-aggregate-pcrs", "imakeep.validation.boot_aggregate"},
    {"unknown-keyring", kNotInAllowlist},
    {"other-key", kPolicyHash},
    {"invalid-key", "ima.invalid_key"},
    {"too-many-keys", "imakeep.validation.too_many_keys"},
    {"unknown-buffer", kNotInAllowlist},
    {"other-buffer", kPolicyHash},
    {"buffer-digest", "imakeep.validation.buffer_digest"},
    {"signature-missing", "imakeep.signature.missing"},
    {"signature-unreadable", "imakeep.signature.unreadable"},
    {"signature-key", "imakeep.signature.key"},
    {"signature-bad", "ima.validator.ima-sig.invalid_signature"},
    {"signature-digest", "imakeep.signature.digest"},
    {"signature-keyring", "imakeep.signature.keyring"},
    {"signature-unchecked", "imakeep.signature.unchecked"},
    {"signature-dates", "imakeep.signature.dates"},
    {"no-policy", "imakeep.policy.none"},
    {"quote-progress", "ima.quote_progress"},
    {"pcr-mismatch", "ima.pcr_mismatch"},
}};

constexpr std::array<std::string_view, kRuleCount> kRules = {
    "exclude",           "digest",  "any-path",        "signature", "portable-signature", "appended-signature",
    "boot-pcrs",         "key",     "ignored-keyring", "buffer",    "kexec-figures",      "violation-path",
    "violation-ignored", "no-rule", "nothing"};

}  // namespace

const ReasonInfo& info(Reason reason) {
  return kReasons[static_cast<std::size_t>(reason)];
}

std::string_view name(Rule rule) {
  return kRules[static_cast<std::size_t>(rule)];
}

}  // namespace imakeep::appraisal
