// SPDX-License-Identifier: Apache-2.0
// monitor/keeper_status.h - collects the state of a list, its archive and its keeper (status.h).
//
// Threads: no shared state.
#pragma once

#include <optional>
#include <string>

#include "host/holders.h"
#include "keeper/keeper.h"
#include "monitor/keeper_stats.h"
#include "monitor/last_writers.h"
#include "monitor/status.h"

namespace imakeep::monitor {

std::string_view method_word(keeper::Method method);   // "auto", "stage", "count"
std::string_view table_word(keeper::TableMode table);  // "unknown", "kept", "flushed"
// Describes in a sentence what the table costs.
std::string table_costs(keeper::TableMode table);

// Whether the finding means that something is wrong. That somebody else or a kexec deleted archived records does not
// count as wrong.
bool is_problem(const keeper::Finding& found);

// At most 50 of them.
std::vector<HolderStatus> status_of(const host::Holders& holders);
LastWritersStatus status_of(const SeenWriters& seen);

// What the archive tells; the parts list, holders, view and keeper stay empty. Errors: the archive's.
Result<Status> archive_status(archive::Archive& archive, const std::string& file, std::int64_t now_unix_s);

// Reads every segment. Errors: the archive's.
Result<ArchiveTotals> archive_totals(archive::Archive& archive);

// What every process can see of the list. Does not open it. `method` is the result of Keeper::method().
ListStatus list_status(keeper::ImaSource& source, const Result<keeper::Method>& method, keeper::TableMode table);

// For a status without a keeper: if the archive is proven but lacks records of the list, sets the state to kIncomplete.
void compare_with_list(Status& status);

// The facts that only the keeper knows.
struct KeeperState {
  const keeper::FollowResult& last;
  const std::optional<Error>& last_error;
  const std::string& follows_only;  // the reason, if the keeper does not trim; empty if it does
  bool has_pcrs = false;
  const KeeperStats& stats;
  std::int64_t now_ms = 0;  // by the clock of `stats`
  const std::optional<SeenWriters>& last_writers;
};
std::string_view trim_after_word(keeper::TrimAfter trim_after);  // "archived", "verified"

// Says what holds records back from a trim. An error of the archive is said in the same place. REQUIRES: the status has
// the part keeper.
void add_trim_limit(Status& status, archive::Archive& archive, keeper::TrimAfter trim_after);

// Sets the part keeper, and the PCRs' state as the keeper last found it.
void add_keeper_status(Status& status, const KeeperState& state);

}  // namespace imakeep::monitor
