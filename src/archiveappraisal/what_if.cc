// SPDX-License-Identifier: Apache-2.0
#include "archiveappraisal/what_if.h"

#include <utility>

#include "attest/list_files.h"
#include "imalog/template_digest.h"
#include "output/archive_log.h"

namespace imakeep::archiveappraisal {
namespace {

bool is_damage(const Error& error) {
  return error.code == ErrorCode::kMalformed || error.code == ErrorCode::kTruncated ||
         error.code == ErrorCode::kUnsupported;
}

Outcome outcome_of(const appraisal::Verdict& verdict) {
  if (verdict.finding) return {.reasons = verdict.finding->reasons};
  return {.rule = verdict.accepted};
}

// What tells changes apart besides the name and digest of the record.
std::string kind_of(const VerdictChange& change) {
  std::string kind = std::to_string(change.chain);
  const auto add = [&](const Outcome& outcome) {
    kind += outcome.rule ? " +" + std::to_string(static_cast<int>(*outcome.rule)) : " -";
    for (const appraisal::Reason reason : outcome.reasons) kind += ' ' + std::to_string(static_cast<int>(reason));
  };
  if (change.before) add(*change.before);
  add(change.after);
  return kind;
}

}  // namespace

std::string_view name(Change change) {
  switch (change) {
    case Change::kRefused:
      return "refused";
    case Change::kAccepted:
      return "accepted";
    case Change::kOtherReason:
      return "other-reason";
  }
  return "unknown";
}

std::uint64_t WhatIfResult::records() const {
  std::uint64_t sum = 0;
  for (const JudgedChain& chain : chains) sum += chain.records;
  return sum;
}

std::uint64_t WhatIfResult::changed(Change change) const {
  std::uint64_t sum = 0;
  for (const JudgedChain& chain : chains) sum += chain.changed[static_cast<std::size_t>(change)];
  return sum;
}

struct WhatIf::Judges {
  appraisal::Appraiser now;
  std::optional<appraisal::Appraiser> before;
};

Result<appraisal::Appraiser> WhatIf::appraiser_of(const logappraisal::LoadedPolicy& policy) const {
  auto appraiser = appraisal::Appraiser::make(policy.policy.get(), options_.mode, {.keys = options_.keys});
  if (!appraiser) return unexpected(named(std::move(appraiser).error(), policy.file));
  return appraiser;
}

Result<void> WhatIf::judge(const std::string& archive, archive::ChainId chain, std::uint64_t first,
                           attest::LogSource& log) {
  IMAKEEP_TRY(auto now, appraiser_of(policy_));
  Judges judges{.now = std::move(now)};
  if (before_ != nullptr) {
    IMAKEEP_TRY(auto before, appraiser_of(*before_));
    judges.before = std::move(before);
  }
  IMAKEEP_CHECK(log.rewind());
  result_.chains.push_back({.archive = archive, .chain = chain});
  for (std::uint64_t number = first;; ++number) {
    const auto logged = log.next();
    if (!logged && !is_damage(logged.error())) return unexpected(logged.error());
    if (!logged) result_.chains.back().unread = logged.error();
    if (!logged || !*logged) return {};
    const attest::LoggedRecord& record = **logged;
    take(judges, {.number = number,
                  .content = record.content,
                  .bank = record.bank,
                  .shown = record.shown,
                  .order = record.order,
                  .digest_matches = imalog::digest_matches(record.bank, record.content, record.shown)});
  }
}

void WhatIf::take(Judges& judges, const appraisal::Record& record) {
  // Both judge every record, since each may learn a key from it.
  const appraisal::Verdict now = judges.now.appraise(record);
  const auto before = judges.before ? std::optional(judges.before->appraise(record)) : std::nullopt;
  JudgedChain& judged = result_.chains.back();
  ++judged.records;
  if (!now.finding && (!before || !before->finding)) return;
  VerdictChange change{.chain = result_.chains.size() - 1, .after = outcome_of(now), .first = record.number};
  if (before) change.before = outcome_of(*before);
  if (change.before == change.after) {
    ++judged.refused_alike;
    return;
  }
  const bool refused_before = before && before->finding;
  if (refused_before) change.change = now.finding ? Change::kOtherReason : Change::kAccepted;
  ++judged.changed[static_cast<std::size_t>(change.change)];
  keep(std::move(change), now.finding ? *now.finding : *before->finding);
}

void WhatIf::keep(VerdictChange change, const appraisal::Finding& finding) {
  const std::string identity(as_text(appraisal::identity(kind_of(change), finding).view()));
  if (const auto known = index_of_.find(identity); known != index_of_.end()) {
    ++result_.changes[known->second].records;
    return;
  }
  if (result_.changes.size() >= options_.most_changes) {
    ++result_.not_kept;
    return;
  }
  index_of_.emplace(identity, result_.changes.size());
  change.path = finding.path;
  change.digest = finding.digest;
  result_.changes.push_back(std::move(change));
}

Result<WhatIfResult> judge_archives(const std::vector<std::string>& archives, const logappraisal::LoadedPolicy& policy,
                                    const logappraisal::LoadedPolicy* before, const WhatIfOptions& options) {
  IMAKEEP_CHECK(attest::check_distinct(archives));
  std::vector<std::pair<std::string, archive::ChainId>> chains;
  for (const std::string& file : archives) {
    IMAKEEP_TRY(const auto& numbers, output::ArchiveLog::chains(file));
    for (const archive::ChainId number : numbers) chains.emplace_back(file, number);
  }
  WhatIf what_if(policy, before, options);
  for (const auto& [file, number] : chains) {
    IMAKEEP_TRY(const auto& log, output::ArchiveLog::open(file, number));
    IMAKEEP_CHECK(what_if.judge(file, number, log->first(), *log));
  }
  return what_if.result();
}

}  // namespace imakeep::archiveappraisal
