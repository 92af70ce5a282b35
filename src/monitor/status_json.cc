// SPDX-License-Identifier: Apache-2.0
#include "monitor/status_json.h"

#include <nlohmann/json.hpp>

#include "monitor/keeper_status.h"

namespace imakeep {

// A number has the JSON form of its value. Found by argument-dependent lookup.
template <class Tag>
void to_json(nlohmann::json& made, const Number<Tag>& number) {
  made = number.value();
}

template <class Tag>
void from_json(const nlohmann::json& from, Number<Tag>& number) {
  number = Number<Tag>(from.get<std::uint64_t>());
}

}  // namespace imakeep

namespace imakeep::monitor {

using nlohmann::json;

// Parts whose members have the names of the JSON form. The macro's functions are found by argument-dependent lookup, so
// they stand in the namespace of the types.
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(ArchiveTotals, payload_bytes, violations)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(BrokenRange, first, end, why, since_unix_s)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(AnchorStatus, record, broken_at, why)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(ProvenStatus, records, last_unix_s)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(PendingStatus, chain, method, first, records, since_unix_s)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(VerifierStatus, name, records, last_unix_s)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(HolderStatus, pid, command, file, writes, text)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(LastWritersStatus, seen_unix_s, writers)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(LookStatus, list_records, staged_records, lag, found)

namespace {

constexpr const char* kFromBoot = "boot";

// A value that is not known is left out.
template <class T>
void put(json& object, const char* member, const std::optional<T>& value) {
  if (value) object[member] = *value;
}
void put(json& object, const char* member, const std::string& text) {
  if (!text.empty()) object[member] = text;
}

template <class T>
std::optional<T> get(const json& object, const char* member) {
  const auto found = object.find(member);
  if (found == object.end() || found->is_null()) return std::nullopt;
  return found->template get<T>();
}
std::string text_in(const json& object, const char* member) {
  return get<std::string>(object, member).value_or("");
}

template <class T>
json or_null(const std::optional<T>& value) {
  return value ? json(*value) : json(nullptr);
}

json json_of(const ArchiveStatus& archive) {
  json made = {{"file", archive.file},
               {"file_bytes", archive.file_bytes},
               {"records", archive.records},
               {"chains", archive.chains}};
  put(made, "free_bytes", archive.free_bytes);
  put(made, "filesystem_bytes", archive.filesystem_bytes);
  if (archive.totals) made.update(json(*archive.totals));
  return made;
}

ArchiveStatus archive_of(const json& object) {
  ArchiveStatus archive{.file = object.at("file").get<std::string>(),
                        .file_bytes = object.at("file_bytes").get<std::uint64_t>(),
                        .records = object.at("records").get<std::uint64_t>(),
                        .chains = object.at("chains").get<std::uint64_t>(),
                        .free_bytes = get<std::uint64_t>(object, "free_bytes"),
                        .filesystem_bytes = get<std::uint64_t>(object, "filesystem_bytes"),
                        .totals = {}};
  if (object.contains("payload_bytes")) archive.totals = object.get<ArchiveTotals>();
  return archive;
}

json json_of(const TrimmedStatus& trimmed) {
  return {{"records", trimmed.records},
          {"times", trimmed.times},
          {"last_unix_s", trimmed.last_unix_s},
          {"by_others", {{"records", trimmed.records_by_others}, {"times", trimmed.times_by_others}}}};
}

TrimmedStatus trimmed_of(const json& object) {
  const json& others = object.at("by_others");
  return {.records = object.at("records").get<std::uint64_t>(),
          .times = object.at("times").get<std::uint64_t>(),
          .last_unix_s = object.at("last_unix_s").get<std::int64_t>(),
          .records_by_others = others.at("records").get<std::uint64_t>(),
          .times_by_others = others.at("times").get<std::uint64_t>()};
}

void put_chain(json& status, const std::optional<ChainStatus>& chain) {
  status["chain"] = nullptr;
  if (!chain) return;
  status["chain"] = {{"chain", chain->chain},           {"start", chain->from_boot ? kFromBoot : "unknown"},
                     {"first_kept", chain->first_kept}, {"end", chain->end},
                     {"banks", chain->banks},           {"broken", chain->broken},
                     {"anchors", chain->anchors}};
  status["trimmed"] = json_of(chain->trimmed);
  status["proven"] = chain->proven;
}

std::optional<ChainStatus> chain_of(const json& status) {
  const json& chain = status.at("chain");
  if (chain.is_null()) return std::nullopt;
  return ChainStatus{.chain = chain.at("chain").get<archive::ChainId>(),
                     .from_boot = chain.at("start").get<std::string>() == kFromBoot,
                     .first_kept = chain.at("first_kept").get<std::uint64_t>(),
                     .end = chain.at("end").get<std::uint64_t>(),
                     .banks = chain.at("banks").get<std::vector<std::string>>(),
                     .broken = chain.at("broken").get<std::vector<BrokenRange>>(),
                     .anchors = chain.at("anchors").get<std::vector<AnchorStatus>>(),
                     .trimmed = trimmed_of(status.at("trimmed")),
                     .proven = status.at("proven").get<ProvenStatus>()};
}

json json_of(const PcrsStatus& pcrs) {
  json made = {{"state", word(pcrs.state)}};
  put(made, "diagnosis", pcrs.diagnosis);
  put(made, "what", pcrs.what);
  if (!pcrs.found_at) return made;
  made["chain"] = pcrs.found_at->chain;
  made["first"] = pcrs.found_at->first;
  made["records"] = or_null(pcrs.found_at->records);
  return made;
}

Result<PcrsStatus> pcrs_of(const json& object) {
  const auto state = pcrs_state_of(object.at("state").get<std::string>());
  if (!state) return fail(ErrorCode::kMalformed, "the state of the PCRs is none that this imakeep knows");
  PcrsStatus pcrs{
      .state = *state, .diagnosis = text_in(object, "diagnosis"), .what = text_in(object, "what"), .found_at = {}};
  if (const auto first = get<std::uint64_t>(object, "first")) {
    pcrs.found_at = FoundAt{.chain = object.at("chain").get<archive::ChainId>(),
                            .first = *first,
                            .records = get<std::uint64_t>(object, "records")};
  }
  return pcrs;
}

json json_of(const IncidentStatus& incident) {
  return {{"chain", incident.chain}, {"first", incident.first}, {"records", or_null(incident.records)},
          {"kind", incident.kind},   {"what", incident.what},   {"since_unix_s", incident.since_unix_s}};
}

IncidentStatus incident_of(const json& object) {
  return {.chain = object.at("chain").get<archive::ChainId>(),
          .first = object.at("first").get<std::uint64_t>(),
          .records = get<std::uint64_t>(object, "records"),
          .kind = object.at("kind").get<std::string>(),
          .what = object.at("what").get<std::string>(),
          .since_unix_s = object.at("since_unix_s").get<std::int64_t>()};
}

// The member `list` exists if anything is known about the list: from the archive or from its directory.
void put_list(json& status, const Status& from) {
  if (from.archived_in_list) status["list"]["archived_records"] = *from.archived_in_list;
  if (!from.list) return;
  json& list = status["list"];
  list["directory"] = from.list->directory;
  put(list, "current_records", from.list->current_records);
  put(list, "error", from.list->error);
  put(list, "violations", from.list->violations);
  list["method"] = from.list->method.empty() ? json(nullptr) : json(from.list->method);
  put(list, "no_method", from.list->no_method);
  list["table"] = from.list->table;
  list["table_costs"] = from.list->table_costs;
}

void read_list(const json& object, Status& status) {
  const auto list = object.find("list");
  if (list == object.end()) return;
  status.archived_in_list = get<std::uint64_t>(*list, "archived_records");
  if (!list->contains("directory")) return;
  status.list = ListStatus{.directory = list->at("directory").get<std::string>(),
                           .current_records = get<std::uint64_t>(*list, "current_records"),
                           .error = text_in(*list, "error"),
                           .violations = get<std::uint64_t>(*list, "violations"),
                           .method = text_in(*list, "method"),
                           .no_method = text_in(*list, "no_method"),
                           .table = list->at("table").get<std::string>(),
                           .table_costs = list->at("table_costs").get<std::string>()};
}

json json_of(const ViewStatus& view) {
  json made = {{"directory", view.directory},
               {"mounted", view.mounted},
               {"chain", view.chain},
               {"covers_list", view.covers_list}};
  put(made, "error", view.error);
  return made;
}

ViewStatus view_of(const json& object) {
  return {.directory = object.at("directory").get<std::string>(),
          .mounted = object.at("mounted").get<bool>(),
          .chain = object.at("chain").get<archive::ChainId>(),
          .covers_list = object.at("covers_list").get<bool>(),
          .error = text_in(object, "error")};
}

json json_of(const HoldsStatus& holds) {
  json at_most = json::array();
  for (const auto& [us, times] : holds.at_most) at_most.push_back({{"us", us}, {"times", times}});
  return {{"times", holds.times}, {"us", holds.us}, {"at_most", at_most}};
}

HoldsStatus holds_of(const json& object) {
  HoldsStatus holds{
      .times = object.at("times").get<std::uint64_t>(), .us = object.at("us").get<std::int64_t>(), .at_most = {}};
  for (const json& bucket : object.at("at_most")) {
    holds.at_most.emplace_back(bucket.at("us").get<std::int64_t>(), bucket.at("times").get<std::uint64_t>());
  }
  return holds;
}

json json_of(const KeeperStatus& keeper) {
  json made = {{"pid", keeper.pid},
               {"started_unix_s", keeper.started_unix_s},
               {"busy", keeper.busy},
               {"busy_ms", keeper.busy_ms},
               {"failures", {{"follow", keeper.failed_follows}, {"trim", keeper.failed_trims}}},
               {"trim_ended_unix_s", keeper.trim_ended_unix_s},
               {"trim_overdue_ms", keeper.trim_overdue_ms},
               {"trimmed_bytes", keeper.trimmed_bytes},
               {"holds", json_of(keeper.holds)},
               {"trim_after", keeper.trim_after},
               {"held_back_records", keeper.held_back_records}};
  put(made, "held_back", keeper.held_back);
  put(made, "error", keeper.error);
  put(made, "follows_only", keeper.follows_only);
  put(made, "last_writers", keeper.last_writers);
  if (keeper.look) made.update(json(*keeper.look));
  return made;
}

KeeperStatus keeper_of(const json& object) {
  const json& failures = object.at("failures");
  KeeperStatus keeper{.pid = object.at("pid").get<std::int64_t>(),
                      .started_unix_s = object.at("started_unix_s").get<std::int64_t>(),
                      .error = text_in(object, "error"),
                      .follows_only = text_in(object, "follows_only"),
                      .trim_after = get<std::string>(object, "trim_after").value_or("archived"),
                      .held_back = text_in(object, "held_back"),
                      .held_back_records = get<std::uint64_t>(object, "held_back_records").value_or(0),
                      .look = {},
                      .busy = object.at("busy").get<std::uint64_t>(),
                      .busy_ms = object.at("busy_ms").get<std::int64_t>(),
                      .failed_follows = failures.at("follow").get<std::uint64_t>(),
                      .failed_trims = failures.at("trim").get<std::uint64_t>(),
                      .trim_ended_unix_s = object.at("trim_ended_unix_s").get<std::int64_t>(),
                      .trim_overdue_ms = object.at("trim_overdue_ms").get<std::int64_t>(),
                      .trimmed_bytes = object.at("trimmed_bytes").get<std::uint64_t>(),
                      .holds = holds_of(object.at("holds")),
                      .last_writers = get<LastWritersStatus>(object, "last_writers")};
  if (object.contains("list_records")) keeper.look = object.get<LookStatus>();
  return keeper;
}

}  // namespace

json json_of(const Status& status) {
  json made = {{"at_unix_s", status.at_unix_s}, {"archive", json_of(status.archive)},
               {"pcrs", json_of(status.pcrs)},  {"pending", or_null(status.pending)},
               {"incidents", json::array()},    {"incident_counts", status.incident_counts}};
  put_chain(made, status.chain);
  for (const IncidentStatus& incident : status.incidents) made["incidents"].push_back(json_of(incident));
  put_list(made, status);
  put(made, "verifiers", status.verifiers);
  put(made, "holders", status.holders);
  if (status.view) made["view"] = json_of(*status.view);
  if (status.keeper) made["keeper"] = json_of(*status.keeper);
  return made;
}

Result<Status> status_of(const json& object) {
  try {
    IMAKEEP_TRY(auto pcrs, pcrs_of(object.at("pcrs")));
    Status status{.at_unix_s = object.at("at_unix_s").get<std::int64_t>(),
                  .archive = archive_of(object.at("archive")),
                  .chain = chain_of(object),
                  .pcrs = std::move(pcrs),
                  .pending = get<PendingStatus>(object, "pending"),
                  .incidents = {},
                  .incident_counts = object.at("incident_counts").get<std::map<std::string, std::uint64_t>>(),
                  .verifiers = get<std::vector<VerifierStatus>>(object, "verifiers"),
                  .archived_in_list = {},
                  .list = {},
                  .holders = get<std::vector<HolderStatus>>(object, "holders"),
                  .view = {},
                  .keeper = {}};
    for (const auto& incident : object.at("incidents")) status.incidents.push_back(incident_of(incident));
    read_list(object, status);
    if (object.contains("view")) status.view = view_of(object.at("view"));
    if (object.contains("keeper")) status.keeper = keeper_of(object.at("keeper"));
    return status;
  } catch (const json::exception&) {
    return fail(ErrorCode::kMalformed, "not a keeper's status: a member is missing or has another type");
  }
}

json json_of(const keeper::Finding& found) {
  return {{"diagnosis", keeper::word(found.diagnosis)},
          {"chain", found.chain},
          {"first", found.first},
          {"records", or_null(found.records)},
          {"what", found.what}};
}

json json_of(const keeper::TrimResult& trimmed) {
  json made = {{"records", trimmed.records},
               {"method", method_word(trimmed.method)},
               {"hold_us", trimmed.hold_us},
               {"no_table_memory", trimmed.no_table_memory}};
  put(made, "why_not", trimmed.why_not);
  return made;
}

json json_of(const host::Holders& holders) {
  return status_of(holders);
}

json json_of(const SeenWriters& seen) {
  return status_of(seen);
}

}  // namespace imakeep::monitor
