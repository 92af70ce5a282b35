// SPDX-License-Identifier: Apache-2.0
#include "monitor/keeper_status.h"

#include <unistd.h>

#include <algorithm>

#include <nlohmann/json.hpp>

#include "host/disk_space.h"
#include "keeper/chain_state.h"

namespace imakeep::monitor {
namespace {

using nlohmann::json;

constexpr std::size_t kMostIncidents = 10;
constexpr std::size_t kMostHolders = 50;

json json_of(const archive::Chain& chain, const std::vector<archive::Anchor>& anchors) {
  json banks = json::array();
  for (const digest::Bank& bank : chain.banks) banks.push_back(bank.spec());
  json broken = json::array();
  for (const archive::Anchor& anchor : anchors) {
    broken.push_back({{"first", anchor.broken_at},
                      {"end", anchor.number},
                      {"why", anchor.why},
                      {"since_unix_s", anchor.since_unix_s}});
  }
  json all = json::array();
  for (const archive::Anchor& anchor : anchors) {
    all.push_back({{"record", anchor.number}, {"broken_at", anchor.broken_at}, {"why", anchor.why}});
  }
  return {{"chain", chain.chain},
          {"start", chain.start == archive::ChainStart::kBoot ? "boot" : "unknown"},
          {"first_kept", chain.first_kept},
          {"end", chain.end},
          {"banks", banks},
          {"broken", broken},
          {"anchors", all}};
}

json json_of(const archive::IncidentRow& incident) {
  return {{"chain", incident.chain},
          {"first", incident.first},
          {"records", incident.records ? json(*incident.records) : json(nullptr)},
          {"kind", incident.kind},
          {"what", incident.what},
          {"since_unix_s", incident.since_unix_s}};
}

json last_incidents(const std::vector<archive::IncidentRow>& incidents) {
  json last = json::array();
  const std::size_t from = incidents.size() - std::min(incidents.size(), kMostIncidents);
  for (std::size_t i = from; i < incidents.size(); ++i) last.push_back(json_of(incidents[i]));
  return last;
}

json counts_by_kind(const std::vector<archive::IncidentRow>& incidents) {
  json counts = json::object();
  for (const archive::IncidentRow& incident : incidents) {
    counts[incident.kind] = counts.value(incident.kind, std::uint64_t{0}) + 1;
  }
  return counts;
}

json counts_by_diagnosis(const std::vector<keeper::Finding>& all) {
  json counts = json::object();
  for (const keeper::Finding& found : all) {
    const std::string diagnosis(keeper::word(found.diagnosis));
    counts[diagnosis] = counts.value(diagnosis, std::uint64_t{0}) + 1;
  }
  return counts;
}

// The PCRs' state as the archive alone tells it. The archive does not hold records that the PCRs do not cover yet.
json pcrs_of(const keeper::ChainState& state, const std::vector<archive::IncidentRow>& incidents) {
  const bool anchored = state.anchor && state.anchor->number == state.chain.end;
  if (anchored) {
    return {{"state", "does not fit"},
            {"diagnosis", state.anchor->why},
            {"what", "records from " + std::to_string(state.anchor->broken_at) +
                         " on do not match the PCRs; the keeper trims nothing until new records match them"}};
  }
  const bool ahead = !incidents.empty() && incidents.back().chain == state.chain.chain &&
                     incidents.back().kind == word(keeper::Diagnosis::kArchiveAhead) &&
                     incidents.back().since_unix_s > state.row.proven_unix_s;
  if (ahead) {
    return {{"state", "does not fit"}, {"diagnosis", incidents.back().kind}, {"what", incidents.back().what}};
  }
  return {{"state", state.proven() ? "proven" : "not proven"}};
}

json json_of(const archive::PendingRow& pending) {
  return {{"chain", pending.chain},
          {"method", pending.method},
          {"first", pending.first},
          {"records", pending.records},
          {"since_unix_s", pending.since_unix_s}};
}

Result<void> add_chain(json& status, archive::Archive& archive, const keeper::ChainState& state) {
  IMAKEEP_TRY(const auto& anchors, archive.anchors(state.chain));
  const archive::ListRow& row = state.row;
  status["chain"] = json_of(state.chain, anchors);
  status["trimmed"] = {{"records", row.trimmed},
                       {"times", row.trims},
                       {"last_unix_s", row.trimmed_unix_s},
                       {"by_others", {{"records", row.trimmed_by_others}, {"times", row.trims_by_others}}}};
  status["proven"] = {{"records", row.proven}, {"last_unix_s", row.proven_unix_s}};
  status["list"] = {{"archived_records", state.in_list()}};
  return {};
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

json json_of(const keeper::Finding& found) {
  return {{"diagnosis", keeper::word(found.diagnosis)},
          {"chain", found.chain},
          {"first", found.first},
          {"records", found.records ? json(*found.records) : json(nullptr)},
          {"what", found.what}};
}

json json_of(const keeper::TrimResult& trimmed) {
  json made = {{"records", trimmed.records},
               {"method", method_word(trimmed.method)},
               {"hold_us", trimmed.hold_us},
               {"no_table_memory", trimmed.no_table_memory}};
  if (!trimmed.why_not.empty()) made["why_not"] = trimmed.why_not;
  return made;
}

json json_of(const host::Holders& holders) {
  json made = json::array();
  for (const host::Holder& holder : holders.holders) {
    if (made.size() == kMostHolders) break;
    made.push_back({{"pid", holder.pid},
                    {"command", holder.command},
                    {"file", holder.file},
                    {"writes", holder.may_write},
                    {"text", describe(holder)}});
  }
  return made;
}

json json_of(const SeenWriters& seen) {
  return {{"seen_unix_s", seen.seen_unix_s}, {"writers", json_of(host::Holders{.holders = seen.writers})}};
}

Result<json> archive_status(archive::Archive& archive, const std::string& file) {
  IMAKEEP_TRY(const auto& chains, archive.chains());
  IMAKEEP_TRY(const auto& incidents, archive.incidents());
  IMAKEEP_TRY(const auto& pending, archive.pending());
  IMAKEEP_TRY(const auto& state, keeper::ChainState::load(archive));
  std::uint64_t records = 0;
  for (const archive::Chain& chain : chains) records += chain.end - chain.first_kept;
  json status = {
      {"archive",
       {{"file", file}, {"records", records}, {"chains", chains.size()}, {"file_bytes", archive.store().file_bytes()}}},
      {"chain", nullptr},
      {"pcrs", {{"state", "not proven"}}},
      {"pending", pending ? json_of(*pending) : json(nullptr)},
      {"incidents", last_incidents(incidents)},
      {"incident_counts", counts_by_kind(incidents)}};
  if (const auto space = host::disk_space_at(file)) {
    status["archive"]["free_bytes"] = space->free_bytes;
    status["archive"]["filesystem_bytes"] = space->total_bytes;
  }
  if (!state) return status;
  status["pcrs"] = pcrs_of(*state, incidents);
  IMAKEEP_CHECK(add_chain(status, archive, *state));
  return status;
}

Result<json> archive_totals(archive::Archive& archive) {
  IMAKEEP_TRY(const auto& chains, archive.chains());
  std::uint64_t payload_bytes = 0;
  std::uint64_t violations = 0;
  for (const archive::Chain& chain : chains) {
    IMAKEEP_TRY(const auto& stats, archive.stats(chain.chain));
    payload_bytes += stats.payload_bytes;
    violations += stats.violations;
  }
  return json{{"payload_bytes", payload_bytes}, {"violations", violations}};
}

void add_list_status(json& status, keeper::KernelImaSource& source, const Result<keeper::Method>& method,
                     keeper::TableMode table, const host::Holders& holders) {
  json& list = status["list"];
  list["directory"] = source.name();
  if (const auto count = source.count()) {
    list["current_records"] = *count;
  } else {
    list["error"] = describe(count.error());
  }
  if (const auto violations = source.directory().violations()) list["violations"] = *violations;
  list["method"] = method ? json(method_word(*method)) : json(nullptr);
  if (!method) list["no_method"] = method.error().message;
  list["table"] = table_word(table);
  list["table_costs"] = table_costs(table);
  status["holders"] = json_of(holders);
}

void compare_with_list(json& status) {
  const json& list = status.at("list");
  const bool more = list.value("current_records", std::uint64_t{0}) > list.value("archived_records", std::uint64_t{0});
  if (more && status.at("pcrs").at("state") == "proven") status["pcrs"]["state"] = "behind";
}

void add_keeper_status(json& status, const KeeperState& view) {
  json& keeper = status["keeper"] = view.stats.json(view.now_ms);
  keeper["pid"] = ::getpid();
  if (view.stats.has_looked()) {
    keeper["list_records"] = view.last.list_records;
    keeper["staged_records"] = view.last.staged_records;
    keeper["lag"] = view.last.lag;
    keeper["found"] = counts_by_diagnosis(view.last.found);
  }
  if (view.last_writers) keeper["last_writers"] = json_of(*view.last_writers);
  if (view.last_error) keeper["error"] = describe(*view.last_error);
  if (!view.follows_only.empty()) keeper["follows_only"] = view.follows_only;
  const auto mismatch = std::ranges::find_if(view.last.found, is_problem);
  if (mismatch != view.last.found.end()) {
    status["pcrs"] = json_of(*mismatch);
    status["pcrs"]["state"] = "does not fit";
  } else if (view.has_pcrs && status["pcrs"]["state"] == "proven" && view.last.lag > 0) {
    status["pcrs"]["state"] = "lagging";
  }
}

bool status_is_good(const json& status) {
  const auto failing = [&](const char* part) { return status.contains(part) && status.at(part).contains("error"); };
  return !failing("keeper") && !failing("view") && status.at("pcrs").value("state", "") != "does not fit";
}

}  // namespace imakeep::monitor
