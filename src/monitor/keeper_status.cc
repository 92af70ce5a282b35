// SPDX-License-Identifier: Apache-2.0
#include "monitor/keeper_status.h"

#include <unistd.h>

#include <algorithm>

#include "host/disk_space.h"
#include "keeper/chain_state.h"

namespace imakeep::monitor {
namespace {

constexpr std::size_t kMostIncidents = 10;
constexpr std::size_t kMostHolders = 50;

ChainStatus chain_status(const keeper::ChainState& state, const std::vector<archive::Anchor>& anchors) {
  const archive::Chain& chain = state.chain;
  const archive::ListRow& row = state.row;
  ChainStatus status{.chain = chain.chain,
                     .from_boot = chain.start == archive::ChainStart::kBoot,
                     .first_kept = chain.first_kept,
                     .end = chain.end,
                     .banks = {},
                     .broken = {},
                     .anchors = {},
                     .trimmed = {.records = row.trimmed,
                                 .times = row.trims,
                                 .last_unix_s = row.trimmed_unix_s,
                                 .records_by_others = row.trimmed_by_others,
                                 .times_by_others = row.trims_by_others},
                     .proven = {.records = row.proven, .last_unix_s = row.proven_unix_s}};
  for (const digest::Bank& bank : chain.banks) status.banks.push_back(bank.spec());
  for (const archive::Anchor& anchor : anchors) {
    status.broken.push_back(
        {.first = anchor.broken_at, .end = anchor.number, .why = anchor.why, .since_unix_s = anchor.since_unix_s});
    status.anchors.push_back({.record = anchor.number, .broken_at = anchor.broken_at, .why = anchor.why});
  }
  return status;
}

std::vector<IncidentStatus> last_incidents(const std::vector<archive::IncidentRow>& incidents) {
  std::vector<IncidentStatus> last;
  const std::size_t from = incidents.size() - std::min(incidents.size(), kMostIncidents);
  for (std::size_t i = from; i < incidents.size(); ++i) {
    const archive::IncidentRow& row = incidents[i];
    last.push_back({.chain = row.chain,
                    .first = row.first,
                    .records = row.records,
                    .kind = row.kind,
                    .what = row.what,
                    .since_unix_s = row.since_unix_s});
  }
  return last;
}

std::map<std::string, std::uint64_t> counts_by_kind(const std::vector<archive::IncidentRow>& incidents) {
  std::map<std::string, std::uint64_t> counts;
  for (const archive::IncidentRow& incident : incidents) ++counts[incident.kind];
  return counts;
}

std::map<std::string, std::uint64_t> counts_by_diagnosis(const std::vector<keeper::Finding>& all) {
  std::map<std::string, std::uint64_t> counts;
  for (const keeper::Finding& found : all) ++counts[std::string(keeper::word(found.diagnosis))];
  return counts;
}

// The PCRs' state as the archive alone tells it. The archive does not hold records that the PCRs do not cover yet.
PcrsStatus pcrs_status(const keeper::ChainState& state, const std::vector<archive::IncidentRow>& incidents) {
  const bool anchored = state.anchor && state.anchor->number == state.chain.end;
  if (anchored) {
    return {.state = PcrsState::kMismatch,
            .diagnosis = state.anchor->why,
            .what = "records from " + std::to_string(state.anchor->broken_at) +
                    " on do not match the PCRs; the keeper trims nothing until new records match them",
            .found_at = {}};
  }
  const bool ahead = !incidents.empty() && incidents.back().chain == state.chain.chain &&
                     incidents.back().kind == word(keeper::Diagnosis::kArchiveAhead) &&
                     incidents.back().since_unix_s > state.row.proven_unix_s;
  if (ahead) {
    return {.state = PcrsState::kMismatch,
            .diagnosis = incidents.back().kind,
            .what = incidents.back().what,
            .found_at = {}};
  }
  return {.state = state.proven() ? PcrsState::kProven : PcrsState::kNotProven,
          .diagnosis = {},
          .what = {},
          .found_at = {}};
}

std::optional<PendingStatus> pending_status(const std::optional<archive::PendingRow>& pending) {
  if (!pending) return std::nullopt;
  return PendingStatus{.chain = pending->chain,
                       .method = pending->method,
                       .first = pending->first,
                       .records = pending->records,
                       .since_unix_s = pending->since_unix_s};
}

std::vector<VerifierStatus> status_of(const std::vector<archive::Verifier>& verifiers) {
  std::vector<VerifierStatus> all;
  all.reserve(verifiers.size());
  for (const archive::Verifier& verifier : verifiers) {
    all.push_back(
        {.name = verifier.name, .records = verifier.acknowledged, .last_unix_s = verifier.acknowledged_unix_s});
  }
  return all;
}

HolderStatus status_of(const host::Holder& holder) {
  return {.pid = holder.pid,
          .command = holder.command,
          .file = holder.file,
          .writes = holder.may_write,
          .text = describe(holder)};
}

}  // namespace

std::string_view method_word(keeper::Method method) {
  return method == keeper::Method::kStage ? "stage" : method == keeper::Method::kCount ? "count" : "auto";
}

std::string_view table_word(keeper::TableMode table) {
  return table == keeper::TableMode::kKept ? "kept" : table == keeper::TableMode::kFlushed ? "flushed" : "unknown";
}

std::string table_costs(keeper::TableMode table) {
  switch (table) {
    case keeper::TableMode::kKept:
      return "a record takes 786 to 790 bytes of kernel memory (four banks, Linux 7.3.4); a trim frees next to none "
             "without ima_flush_htable; with that boot option and CONFIG_IMA_STAGING a trim frees 96 %";
    case keeper::TableMode::kFlushed:
      return "a trim frees 96 % of the records' kernel memory (Linux 7.3.4); records may repeat, and only stage can "
             "trim";
    case keeper::TableMode::kUnknown:
    case keeper::TableMode::kNone:
      break;
  }
  return "it is not known yet whether Linux keeps the digests of trimmed records; a trim request will show it";
}

bool is_problem(const keeper::Finding& found) {
  return found.diagnosis != keeper::Diagnosis::kTrimmedByOther && found.diagnosis != keeper::Diagnosis::kKexecDropped;
}

std::vector<HolderStatus> status_of(const host::Holders& holders) {
  std::vector<HolderStatus> made;
  const std::size_t count = std::min(holders.holders.size(), kMostHolders);
  for (std::size_t i = 0; i < count; ++i) made.push_back(status_of(holders.holders[i]));
  return made;
}

LastWritersStatus status_of(const SeenWriters& seen) {
  return {.seen_unix_s = seen.seen_unix_s, .writers = status_of(host::Holders{.holders = seen.writers})};
}

Result<Status> archive_status(archive::Archive& archive, const std::string& file, std::int64_t now_unix_s) {
  IMAKEEP_TRY(const auto& chains, archive.chains());
  IMAKEEP_TRY(const auto& incidents, archive.incidents());
  IMAKEEP_TRY(const auto& pending, archive.pending());
  IMAKEEP_TRY(const auto& state, keeper::ChainState::load(archive));
  Status status;
  status.at_unix_s = now_unix_s;
  status.archive.file = file;
  status.archive.file_bytes = archive.store().file_bytes();
  status.archive.chains = chains.size();
  for (const archive::Chain& chain : chains) status.archive.records += chain.end - chain.first_kept;
  if (const auto space = host::disk_space_at(file)) {
    status.archive.free_bytes = space->free_bytes;
    status.archive.filesystem_bytes = space->total_bytes;
  }
  status.pending = pending_status(pending);
  status.incidents = last_incidents(incidents);
  status.incident_counts = counts_by_kind(incidents);
  if (!state) return status;
  IMAKEEP_TRY(const auto& anchors, archive.anchors(state->chain));
  status.chain = chain_status(*state, anchors);
  status.pcrs = pcrs_status(*state, incidents);
  status.archived_in_list = state->in_list();
  // Only trims after verifiers need these rows. If they are damaged, the rest of the status is as good as before.
  if (const auto verifiers = archive.verifiers(state->chain.chain)) status.verifiers = status_of(*verifiers);
  return status;
}

Result<ArchiveTotals> archive_totals(archive::Archive& archive) {
  IMAKEEP_TRY(const auto& chains, archive.chains());
  ArchiveTotals totals;
  for (const archive::Chain& chain : chains) {
    IMAKEEP_TRY(const auto& stats, archive.stats(chain.chain));
    totals.payload_bytes += stats.payload_bytes;
    totals.violations += stats.violations;
  }
  return totals;
}

ListStatus list_status(keeper::ImaSource& source, const Result<keeper::Method>& method, keeper::TableMode table) {
  ListStatus list;
  list.directory = source.name();
  if (const auto count = source.count()) {
    list.current_records = *count;
  } else {
    list.error = describe(count.error());
  }
  if (const auto violations = source.violations()) list.violations = *violations;
  if (method) {
    list.method = method_word(*method);
  } else {
    list.no_method = method.error().message;
  }
  list.table = table_word(table);
  list.table_costs = table_costs(table);
  return list;
}

void compare_with_list(Status& status) {
  if (!status.list || status.pcrs.state != PcrsState::kProven) return;
  const bool more = status.list->current_records.value_or(0) > status.archived_in_list.value_or(0);
  if (more) status.pcrs.state = PcrsState::kIncomplete;
}

std::string_view trim_after_word(keeper::TrimAfter trim_after) {
  return trim_after == keeper::TrimAfter::kVerified ? "verified" : "archived";
}

void add_trim_limit(Status& status, archive::Archive& archive, keeper::TrimAfter trim_after) {
  status.keeper->trim_after = trim_after_word(trim_after);
  if (trim_after == keeper::TrimAfter::kArchived) return;
  const auto state = keeper::ChainState::load(archive);
  const auto limit = !state   ? Result<keeper::TrimLimit>(unexpected(state.error()))
                     : *state ? keeper::trim_limit(archive, **state, trim_after)
                              : Result<keeper::TrimLimit>();
  status.keeper->held_back = limit ? limit->why : describe(limit.error());
  status.keeper->held_back_records = limit ? limit->unverified : 0;
}

void add_keeper_status(Status& status, const KeeperState& state) {
  KeeperStatus& keeper = status.keeper.emplace(state.stats.status(state.now_ms));
  keeper.pid = ::getpid();
  if (state.stats.has_looked()) {
    keeper.look = LookStatus{.list_records = state.last.list_records,
                             .staged_records = state.last.staged_records,
                             .lag = state.last.lag,
                             .found = counts_by_diagnosis(state.last.found)};
  }
  if (state.last_writers) keeper.last_writers = status_of(*state.last_writers);
  if (state.last_error) keeper.error = describe(*state.last_error);
  keeper.follows_only = state.follows_only;
  const auto mismatch = std::ranges::find_if(state.last.found, is_problem);
  if (mismatch != state.last.found.end()) {
    status.pcrs = {
        .state = PcrsState::kMismatch,
        .diagnosis = std::string(keeper::word(mismatch->diagnosis)),
        .what = mismatch->what,
        .found_at = FoundAt{.chain = mismatch->chain, .first = mismatch->first, .records = mismatch->records}};
  } else if (state.has_pcrs && status.pcrs.state == PcrsState::kProven && state.last.lag > 0) {
    status.pcrs.state = PcrsState::kLagging;
  }
}

}  // namespace imakeep::monitor
