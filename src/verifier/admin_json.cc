// SPDX-License-Identifier: Apache-2.0
#include "verifier/admin_json.h"

#include <array>

#include <nlohmann/json.hpp>

#include "base/base64.h"
#include "base/text.h"
#include "verifier/host_state.h"

namespace imakeep::verifier {
namespace {

using Json = nlohmann::json;

// By the numbers of the enumerations.
constexpr std::array<std::string_view, 4> kHostStatuses{"pending", "waiting", "enrolled", "disabled"};
constexpr std::array<std::string_view, 4> kRoles{"enrol", "admin", "viewer", "auditor"};
constexpr std::array<std::string_view, 3> kFindingStates{"open", "acknowledged", "fixed"};

template <class Enum, std::size_t N>
std::optional<Enum> named_in(const std::array<std::string_view, N>& names, std::string_view name) {
  for (std::size_t i = 0; i < N; ++i) {
    if (names[i] == name) return static_cast<Enum>(i);
  }
  return std::nullopt;
}

// Texts of a store are UTF-8; a database that somebody else wrote must not end the process.
std::string written(const Json& value) {
  return value.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Json listed(const char* name, Json rows) {
  return {{name, std::move(rows)}};
}

Json json_of(const vstore::HostRow& row) {
  return {{"host", row.key.host},           {"name", row.name},         {"status", name_of(row.status)},
          {"policy_list", row.policy_list}, {"retains", row.retains},   {"ak_name", to_hex(row.ak_name)},
          {"ek_hash", to_hex(row.ek_hash)}, {"ek_check", row.ek_check}, {"created_unix_s", row.created_unix_s},
          {"seen_unix_s", row.seen_unix_s}, {"epoch", row.epoch},       {"n", row.proven}};
}

Json json_of(const vstore::PolicyRow& row) {
  return {{"digest", to_hex(row.digest)}, {"bytes", row.text_bytes}, {"created_unix_s", row.created_unix_s}};
}

Json json_of(const vstore::FindingRow& row) {
  const vstore::Sighting& sighting = row.sighting;
  Json made{{"host", row.key.host},
            {"identity", to_hex(sighting.identity)},
            {"state", kFindingStates.at(static_cast<std::size_t>(row.state))},
            {"record", sighting.record},
            {"path", printable(as_text(sighting.path))},
            {"digest", printable(as_text(sighting.digest))},
            {"reason", sighting.reason},
            {"rule", printable(as_text(sighting.rule))},
            {"policy", to_hex(sighting.policy)},
            {"count", row.count},
            {"first_seen_unix_s", row.first_seen_unix_s},
            {"last_seen_unix_s", row.last_seen_unix_s}};
  if (row.acknowledged) {
    made["acknowledged"] = {
        {"who", row.acknowledged->who}, {"at_unix_s", row.acknowledged->at_unix_s}, {"why", row.acknowledged->why}};
  }
  return made;
}

Json json_of(const vstore::HistoryRow& row) {
  return {{"at_unix_s", row.at_unix_s}, {"epoch", row.epoch},
          {"outcome", row.outcome},     {"chain", row.chain},
          {"first", row.first},         {"n", row.proven},
          {"findings", row.findings},   {"quote_digest", to_hex(row.quote_digest)}};
}

Json json_of(const vstore::TokenRow& row) {
  Json made{{"id", to_hex(row.hash)}, {"name", row.name}, {"role", name_of(row.role)}};
  if (row.until_unix_s) made["until_unix_s"] = *row.until_unix_s;
  if (row.uses_left) made["uses_left"] = *row.uses_left;
  return made;
}

template <class Row>
Json array_of(std::span<const Row> rows) {
  Json array = Json::array();
  for (const Row& row : rows) array.push_back(json_of(row));
  return array;
}

}  // namespace

std::string_view name_of(vstore::HostStatus status) {
  return kHostStatuses.at(static_cast<std::size_t>(status));
}
std::string_view name_of(vstore::Role role) {
  return kRoles.at(static_cast<std::size_t>(role));
}
std::optional<vstore::Role> role_named(std::string_view name) {
  return named_in<vstore::Role>(kRoles, name);
}
std::optional<vstore::FindingState> finding_state_named(std::string_view name) {
  return named_in<vstore::FindingState>(kFindingStates, name);
}

std::string tenants_json(std::span<const vstore::TenantRow> rows) {
  Json array = Json::array();
  for (const vstore::TenantRow& row : rows) {
    array.push_back({{"tenant", row.tenant}, {"created_unix_s", row.created_unix_s}, {"disabled", row.disabled}});
  }
  return written(listed("tenants", std::move(array)));
}

std::string hosts_json(std::span<const vstore::HostRow> rows, const std::optional<std::string>& next) {
  Json made = listed("hosts", array_of(rows));
  if (next) made["next"] = *next;
  return written(made);
}

std::string host_json(const vstore::HostRow& row) {
  Json made = json_of(row);
  if (const auto state = load_host_state(row.state); state && state->chain.chain > 0) {
    made["chain"] = state->chain.chain;
    made["refused"] = state->refused;
    made["open_findings"] = state->open_findings;
  }
  return written(made);
}

std::string policies_json(std::span<const vstore::PolicyRow> rows) {
  return written(listed("policies", array_of(rows)));
}

std::string policy_json(const vstore::PolicyRow& row) {
  return written(json_of(row));
}

std::string policy_list_json(const std::string& list, const vstore::PolicyListRow& row) {
  Json digests = Json::array();
  for (const Bytes& digest : row.policies) digests.push_back(to_hex(digest));
  return written({{"list", list}, {"version", row.version}, {"policies", std::move(digests)}});
}

std::string findings_json(std::span<const vstore::FindingRow> rows, const std::optional<std::string>& next) {
  Json made = listed("findings", array_of(rows));
  if (next) made["next"] = *next;
  return written(made);
}

std::string history_json(std::span<const vstore::HistoryRow> rows, const std::optional<std::int64_t>& next) {
  Json made = listed("history", array_of(rows));
  if (next) made["next_unix_s"] = *next;
  return written(made);
}

std::string records_json(std::uint64_t chain, std::span<const vstore::RetainedRecord> rows,
                         const std::optional<std::uint64_t>& next) {
  Json made{{"chain", chain}, {"records", Json::array()}};
  for (const vstore::RetainedRecord& row : rows) {
    made["records"].push_back({{"number", row.number}, {"bytes", to_base64(row.bytes)}});
  }
  if (next) made["next"] = *next;
  return written(made);
}

std::string tokens_json(std::span<const vstore::TokenRow> rows) {
  return written(listed("tokens", array_of(rows)));
}

std::string new_token_json(const vstore::TokenRow& row, const std::string& token) {
  Json made = json_of(row);
  made["token"] = token;
  return written(made);
}

}  // namespace imakeep::verifier
