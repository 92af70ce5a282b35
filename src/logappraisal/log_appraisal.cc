// SPDX-License-Identifier: Apache-2.0
#include "logappraisal/log_appraisal.h"

#include <algorithm>
#include <numeric>

#include "appraisal/record_fields.h"
#include "logappraisal/saved_finding.h"

namespace imakeep::logappraisal {

std::uint64_t AppraisalResult::accepted_records() const {
  return std::accumulate(accepted.begin(), accepted.end(), std::uint64_t{0});
}

Result<LogAppraisal> LogAppraisal::make(const std::vector<LoadedPolicy>& policies, AppraisalOptions options) {
  LogAppraisal appraisal(std::move(options));
  for (const LoadedPolicy& loaded : policies) {
    IMAKEEP_CHECK(appraisal.add_policy(loaded, appraisal.options_.learned));
  }
  return appraisal;
}

Result<void> LogAppraisal::add_policy(const LoadedPolicy& loaded, appraisal::LearnedKeys learned) {
  auto appraiser = appraisal::Appraiser::make(
      loaded.policy.get(), options_.mode,
      {.keys = options_.keys, .boot_pcrs = options_.boot_pcrs, .learned = std::move(learned)});
  if (!appraiser) return unexpected(named(std::move(appraiser).error(), loaded.file));
  policies_.push_back({.policy = &loaded, .appraiser = std::move(*appraiser)});
  return {};
}

void LogAppraisal::see(std::uint64_t number, const attest::LoggedRecord& logged, bool digest_matches) {
  if (logged.content.pcr < result_.first_of_pcr.size()) {
    auto& first = result_.first_of_pcr[logged.content.pcr];
    first = first.value_or(number);
  }
  const appraisal::Record record{.number = options_.first + number,
                                 .content = logged.content,
                                 .bank = logged.bank,
                                 .shown = logged.shown,
                                 .order = logged.order,
                                 .digest_matches = digest_matches};
  std::optional<appraisal::Rule> accepted;
  std::optional<KeptFinding> found;
  // Every policy sees every record, since it may learn a key from it.
  for (OfPolicy& each : policies_) {
    appraisal::Verdict verdict = each.appraiser.appraise(record);
    if (verdict.accepted && !accepted) accepted = verdict.accepted;
    // The policy that knows the name says more than one that does not.
    const bool says_more =
        verdict.finding && (!found || (found->finding.nearest.empty() && !verdict.finding->nearest.empty()));
    if (says_more) {
      found = KeptFinding{
          .finding = std::move(*verdict.finding), .policy_file = each.policy->file, .pcr = logged.content.pcr};
    }
  }
  last_accepted_ = accepted.has_value();
  if (record.number < options_.from || record.number >= options_.to) return;
  ++result_.records;
  if (accepted) {
    ++result_.accepted[static_cast<std::size_t>(*accepted)];
    if (!options_.watched.empty() && !logged.content.violation) watch(logged);
    return;
  }
  if (!found) return;
  ++result_.refused[static_cast<std::size_t>(found->finding.reasons.front())];
  found->identity = appraisal::identity(options_.host, found->finding);
  keep(std::move(*found));
}

void LogAppraisal::keep(KeptFinding found) {
  const std::string identity(as_text(found.identity.view()));
  if (const auto known = index_of_.find(identity); known != index_of_.end()) {
    ++result_.findings[known->second].times;
    return;
  }
  appraisal::Finding& finding = found.finding;
  finding.path.resize(std::min(finding.path.size(), options_.most_text_bytes));
  finding.digest.resize(std::min(finding.digest.size(), options_.most_text_bytes));
  const std::size_t bytes = saved_bytes(finding);
  if (result_.findings.size() == options_.most_findings || bytes > options_.most_finding_bytes - finding_bytes_) {
    ++result_.not_kept;
    return;
  }
  finding_bytes_ += bytes;
  index_of_.emplace(identity, result_.findings.size());
  result_.findings.push_back(std::move(found));
}

void LogAppraisal::watch(const attest::LoggedRecord& accepted) {
  const auto fields = appraisal::fields_of(accepted.content, accepted.order);
  if (!fields) return;
  std::string path(fields->name);
  if (options_.watched.contains(path)) result_.accepted_again.insert(std::move(path));
}

AppraisalResult LogAppraisal::result(const attest::LogCheck& check) {
  for (KeptFinding& kept : result_.findings) {
    const std::uint64_t index = kept.finding.record - options_.first;
    kept.proven = std::ranges::any_of(check.pcrs, [&](const attest::PcrProof& proof) {
      return proof.pcr == kept.pcr && proof.matched && (!proof.first_unproven || index < *proof.first_unproven);
    });
  }
  note_learned();
  return std::move(result_);
}

AppraisalResult LogAppraisal::result_of_proven() {
  for (KeptFinding& kept : result_.findings) kept.proven = true;
  note_learned();
  return std::move(result_);
}

void LogAppraisal::note_learned() {
  for (const OfPolicy& each : policies_) {
    for (const appraisal::LearnedKey& key : each.appraiser.learned().keys()) result_.learned.push_back(key);
  }
}

}  // namespace imakeep::logappraisal
