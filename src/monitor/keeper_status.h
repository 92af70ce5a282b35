// SPDX-License-Identifier: Apache-2.0
// monitor/keeper_status.h - the state of a list and its archive as JSON, for `imakeep status` and for the keeper's
// answers.
//
// Members: docs/formats/keeper-socket.md. Threads: no shared state.
#pragma once

#include <array>
#include <optional>
#include <string>

#include <nlohmann/json_fwd.hpp>

#include "host/holders.h"
#include "keeper/keeper.h"
#include "keeper/kernel/kernel_ima_source.h"
#include "monitor/keeper_stats.h"
#include "monitor/last_writers.h"

namespace imakeep::monitor {

// The possible values of `pcrs.state`.
inline constexpr std::array kPcrsStates = {"proven", "lagging", "behind", "not proven", "does not fit"};

std::string_view method_word(keeper::Method method);   // "auto", "stage", "count"
std::string_view table_word(keeper::TableMode table);  // "unknown", "kept", "flushed"
// Describes in a sentence what the table costs.
std::string table_costs(keeper::TableMode table);

// Whether the finding means that something is wrong. That somebody else or a kexec deleted archived records does not
// count as wrong.
bool is_problem(const keeper::Finding& found);

nlohmann::json json_of(const keeper::Finding& found);
nlohmann::json json_of(const keeper::TrimResult& trimmed);
nlohmann::json json_of(const host::Holders& holders);
nlohmann::json json_of(const SeenWriters& seen);

// The archive's part of the status: members archive, chain, trimmed, proven, list.archived_records, pcrs, pending,
// incidents and incident_counts. Errors: the archive's.
Result<nlohmann::json> archive_status(archive::Archive& archive, const std::string& file);

// Members of `archive` that require reading every segment: payload_bytes, violations. Errors: the archive's.
Result<nlohmann::json> archive_totals(archive::Archive& archive);

// The part of the status that is visible to every process: members list, holders. Does not open the list. `method` is
// the result of Keeper::method().
void add_list_status(nlohmann::json& status, keeper::KernelImaSource& source, const Result<keeper::Method>& method,
                     keeper::TableMode table, const host::Holders& holders);

// For a status without a keeper: if the archive is proven but lacks records of the list, sets the state to `behind`.
void compare_with_list(nlohmann::json& status);

// The facts that only the keeper knows: member keeper, and the PCRs' state as the keeper last found it.
struct KeeperState {
  const keeper::FollowResult& last;
  const std::optional<Error>& last_error;
  const std::string& follows_only;  // the reason, if the keeper does not trim; empty if it does
  bool has_pcrs = false;
  const KeeperStats& stats;
  std::int64_t now_ms = 0;  // by the clock of `stats`
  const std::optional<SeenWriters>& last_writers;
};
void add_keeper_status(nlohmann::json& status, const KeeperState& view);

// False if the status says that records and PCRs do not match, or if its `keeper` or `view` reports an error.
bool status_is_good(const nlohmann::json& status);

}  // namespace imakeep::monitor
