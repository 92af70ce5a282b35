// SPDX-License-Identifier: Apache-2.0
#include "archiveappraisal/what_if_report.h"

#include <nlohmann/json.hpp>

#include "base/text.h"

namespace imakeep::archiveappraisal {
namespace {

constexpr std::array<Change, kChangeCount> kChanges = {Change::kRefused, Change::kAccepted, Change::kOtherReason};

std::string outcome_text(const std::optional<Outcome>& outcome) {
  if (!outcome) return "-";
  if (outcome->rule) return std::string(name(*outcome->rule));
  std::string names;
  for (const appraisal::Reason reason : outcome->reasons) {
    names += (names.empty() ? "" : ",") + std::string(info(reason).name);
  }
  return names;
}

std::string text_or_dash(const std::string& text) {
  return text.empty() ? "-" : printable(text);
}

std::string policy_line(const std::string& role, const logappraisal::LoadedPolicy& policy) {
  return role + " " + printable(policy.file) + ", sha256 " + to_hex(policy.policy->source().view()) + "\n";
}

std::string chain_text(const JudgedChain& chain, bool compares) {
  const auto changed = [&](Change change) { return std::to_string(chain.changed[static_cast<std::size_t>(change)]); };
  std::string text = printable(chain.archive) + ", chain " + std::to_string(chain.chain.value()) + ": " +
                     records_text(chain.records) + ", " + changed(Change::kRefused) + " refused";
  if (compares) {
    text += " that were accepted, " + changed(Change::kAccepted) + " accepted that were refused, " +
            changed(Change::kOtherReason) + " refused for another reason, " + std::to_string(chain.refused_alike) +
            " refused as before";
  }
  return text + (chain.unread ? "; the rest cannot be read\n" : "\n");
}

nlohmann::json policy_json(const logappraisal::LoadedPolicy& policy) {
  return {{"file", policy.file}, {"sha256", to_hex(policy.policy->source().view())}};
}

nlohmann::json outcome_json(const std::optional<Outcome>& outcome) {
  nlohmann::json json;  // null
  if (outcome && outcome->rule) json["rule"] = name(*outcome->rule);
  for (const appraisal::Reason reason : outcome ? outcome->reasons : std::vector<appraisal::Reason>()) {
    json["reasons"].push_back(info(reason).name);
  }
  return json;
}

nlohmann::json chain_json(const JudgedChain& chain) {
  nlohmann::json json{{"archive", chain.archive},
                      {"chain", chain.chain.value()},
                      {"records", chain.records},
                      {"refused_alike", chain.refused_alike},
                      {"whole", !chain.unread}};
  for (const Change change : kChanges) {
    std::string member(name(change));
    if (change == Change::kOtherReason) member = "other_reason";
    json[member] = chain.changed[static_cast<std::size_t>(change)];
  }
  return json;
}

}  // namespace

std::string what_if_text(const WhatIfResult& result, const logappraisal::LoadedPolicy& policy,
                         const logappraisal::LoadedPolicy* before) {
  std::string text = policy_line("policy", policy);
  if (before != nullptr) text += policy_line("before", *before);
  for (const VerdictChange& change : result.changes) {
    const JudgedChain& chain = result.chains[change.chain];
    text += std::string(name(change.change)) + ' ' + printable(chain.archive) + ' ' +
            std::to_string(chain.chain.value()) + ' ' + std::to_string(change.first) + ' ' +
            std::to_string(change.records) + ' ' + outcome_text(change.before) + ' ' + outcome_text(change.after) +
            ' ' + text_or_dash(change.digest) + ' ' + text_or_dash(change.path) + '\n';
  }
  if (result.not_kept > 0) text += "changes of " + std::to_string(result.not_kept) + " more records are not shown\n";
  for (const JudgedChain& chain : result.chains) text += chain_text(chain, before != nullptr);
  return text;
}

nlohmann::json what_if_json(const WhatIfResult& result, const logappraisal::LoadedPolicy& policy,
                            const logappraisal::LoadedPolicy* before) {
  nlohmann::json json{{"policy", policy_json(policy)},
                      {"before", before == nullptr ? nlohmann::json() : policy_json(*before)},
                      {"chains", nlohmann::json::array()},
                      {"changes", nlohmann::json::array()},
                      {"not_shown", result.not_kept}};
  for (const JudgedChain& chain : result.chains) json["chains"].push_back(chain_json(chain));
  for (const VerdictChange& change : result.changes) {
    const JudgedChain& chain = result.chains[change.chain];
    json["changes"].push_back({{"change", name(change.change)},
                               {"archive", chain.archive},
                               {"chain", chain.chain.value()},
                               {"first", change.first},
                               {"records", change.records},
                               {"before", outcome_json(change.before)},
                               {"after", outcome_json(change.after)},
                               {"digest", change.digest},
                               {"path", change.path}});
  }
  return json;
}

std::vector<Error> what_if_problems(const WhatIfResult& result, const logappraisal::LoadedPolicy& policy,
                                    const logappraisal::LoadedPolicy* before) {
  std::vector<Error> problems;
  for (const JudgedChain& chain : result.chains) {
    if (!chain.unread) continue;
    problems.push_back(*chain.unread);
    problems.back().message += "; the records of chain " + std::to_string(chain.chain.value()) +
                               " from there on were not judged; imakeep log --check says more";
  }
  const std::uint64_t refused = result.changed(Change::kRefused);
  if (refused == 0) return problems;
  problems.push_back({.code = ErrorCode::kMismatch,
                      .message = policy.file + " refuses " + std::to_string(refused) + " of " +
                                 records_text(result.records()) +
                                 (before == nullptr ? "" : " that " + before->file + " accepts") +
                                 "; docs/reference/findings.md has each reason and what to do"});
  return problems;
}

}  // namespace imakeep::archiveappraisal
