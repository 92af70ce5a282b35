// SPDX-License-Identifier: Apache-2.0
#include "logappraisal/report.h"

#include <algorithm>

#include <nlohmann/json.hpp>

#include "base/text.h"
#include "signature/header.h"

namespace imakeep::logappraisal {
namespace {

using appraisal::Reason;
using appraisal::Rule;

// A line of a name and its value, in two columns.
std::string line_of(std::string name, const std::string& value) {
  constexpr std::size_t kColumn = 9;
  name.resize(std::max(name.size(), kColumn), ' ');
  return name + " " + value + "\n";
}

std::string reason_names(const std::vector<Reason>& reasons) {
  std::string names;
  for (const Reason reason : reasons) names += (names.empty() ? "" : ", ") + std::string(info(reason).name);
  return names;
}

std::string key_text(const appraisal::LearnedKey& learned) {
  const auto& certificate = learned.key.certificate();
  return printable(learned.keyring) + ": " + learned.key.name() + ", key id " +
         signature::key_id_text(learned.key.id()) + (certificate ? ", " + printable(certificate->subject) : "") +
         ", added by record " + std::to_string(learned.record);
}

std::string finding_text(const KeptFinding& kept) {
  const appraisal::Finding& finding = kept.finding;
  std::string text =
      line_of("record", std::to_string(finding.record) + (kept.proven ? "" : " (not proven)") +
                            (kept.times > 1 ? ", and " + std::to_string(kept.times - 1) + " more like it" : ""));
  text += line_of("  path", finding.path.empty() ? "unreadable" : printable(finding.path));
  text += line_of("  reason", reason_names(finding.reasons));
  if (!finding.detail.empty()) text += line_of("", printable(finding.detail));
  if (!finding.digest.empty()) {
    text += line_of("  digest",
                    printable(finding.digest) + (finding.package.empty() ? "" : "  " + printable(finding.package)));
  }
  for (const appraisal::NearestDigest& nearest : finding.nearest) {
    text += line_of("  known", nearest.digest + (nearest.package.empty() ? "" : "  " + printable(nearest.package)) +
                                   (nearest.update.empty() ? "" : "  update " + printable(nearest.update)));
  }
  return text;
}

nlohmann::json finding_json(const KeptFinding& kept) {
  const appraisal::Finding& finding = kept.finding;
  nlohmann::json reasons = nlohmann::json::array();
  nlohmann::json events = nlohmann::json::array();
  for (const Reason reason : finding.reasons) {
    reasons.push_back(info(reason).name);
    events.push_back(info(reason).event_id);
  }
  nlohmann::json nearest = nlohmann::json::array();
  for (const appraisal::NearestDigest& known : finding.nearest) {
    nearest.push_back({{"digest", known.digest}, {"package", known.package}, {"update", known.update}});
  }
  return {{"record", finding.record},
          {"records", kept.times},
          {"proven", kept.proven},
          {"pcr", kept.pcr},
          {"reasons", reasons},
          {"events", events},
          {"path", finding.path},
          {"digest", finding.digest},
          {"package", finding.package},
          {"nearest", nearest},
          {"detail", finding.detail},
          {"policy", to_hex(finding.policy.view())},
          {"policy_file", kept.policy_file},
          {"identity", to_hex(kept.identity.view())}};
}

}  // namespace

std::string appraisal_text(const AppraisalResult& result, const std::vector<LoadedPolicy>& policies) {
  std::string text;
  for (const LoadedPolicy& loaded : policies) {
    text += line_of("policy", printable(loaded.file) + ", sha256 " + to_hex(loaded.policy->source().view()));
  }
  text += std::to_string(result.accepted_records()) + " of " + std::to_string(result.records) + " records accepted, " +
          std::to_string(result.refused_records()) + " refused\n";
  for (std::size_t i = 0; i < appraisal::kRuleCount; ++i) {
    if (result.accepted[i] == 0) continue;
    text += line_of("accepted", std::to_string(result.accepted[i]) + " by " + std::string(name(static_cast<Rule>(i))));
  }
  for (std::size_t i = 0; i < appraisal::kReasonCount; ++i) {
    if (result.refused[i] == 0) continue;
    const appraisal::ReasonInfo& reason = info(static_cast<Reason>(i));
    text += line_of("refused", std::to_string(result.refused[i]) + " " + std::string(reason.name) + " (" +
                                   std::string(reason.event_id) + ")");
  }
  for (const appraisal::LearnedKey& learned : result.learned) text += line_of("key", key_text(learned));
  for (const KeptFinding& kept : result.findings) text += finding_text(kept);
  if (result.not_kept > 0) {
    text += "findings of " + std::to_string(result.not_kept) + " more refused records are not shown\n";
  }
  return text;
}

nlohmann::json appraisal_json(const AppraisalResult& result, const std::vector<LoadedPolicy>& policies) {
  nlohmann::json json{{"records", result.records},
                      {"accepted", nlohmann::json::object()},
                      {"refused", nlohmann::json::object()},
                      {"policies", nlohmann::json::array()},
                      {"learned_keys", nlohmann::json::array()},
                      {"findings", nlohmann::json::array()},
                      {"not_shown", result.not_kept}};
  for (std::size_t i = 0; i < appraisal::kRuleCount; ++i) {
    if (result.accepted[i] > 0) json["accepted"][std::string(name(static_cast<Rule>(i)))] = result.accepted[i];
  }
  for (std::size_t i = 0; i < appraisal::kReasonCount; ++i) {
    if (result.refused[i] > 0) json["refused"][std::string(info(static_cast<Reason>(i)).name)] = result.refused[i];
  }
  for (const LoadedPolicy& loaded : policies) {
    json["policies"].push_back({{"file", loaded.file}, {"sha256", to_hex(loaded.policy->source().view())}});
  }
  for (const appraisal::LearnedKey& learned : result.learned) {
    json["learned_keys"].push_back({{"record", learned.record},
                                    {"keyring", learned.keyring},
                                    {"key", learned.key.name()},
                                    {"key_id", signature::key_id_text(learned.key.id())},
                                    {"fingerprint", to_hex(learned.key.fingerprint().view())}});
  }
  for (const KeptFinding& kept : result.findings) json["findings"].push_back(finding_json(kept));
  return json;
}

Error refusal(const AppraisalResult& result) {
  return {.code = ErrorCode::kMismatch,
          .message = "the policy refuses " + std::to_string(result.refused_records()) + " of " +
                     records_text(result.records) + "; docs/reference/findings.md has each reason and what to do"};
}

}  // namespace imakeep::logappraisal
