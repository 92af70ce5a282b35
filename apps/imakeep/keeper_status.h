// keeper_status.h - how a list and its archive stand, as JSON: what `imakeep status` prints, what the keeper answers.
//
// Members: docs/formats/keeper-socket.md. Threads: no shared state.
#pragma once

#include <array>
#include <optional>
#include <string>

#include <nlohmann/json.hpp>

#include "holders.h"
#include "keeper/keeper.h"
#include "keeper/kernel/kernel_ima_source.h"
#include "keeper_stats.h"
#include "last_writers.h"

namespace imakeep::app {

// What `pcrs.state` may be.
inline constexpr std::array kPcrsStates = {"proven", "lagging", "behind", "not proven", "does not fit"};

std::string_view method_word(keeper::Method method);   // "auto", "stage", "count"
std::string_view table_word(keeper::TableMode table);  // "unknown", "kept", "flushed"
// What the table costs, in a sentence.
std::string table_costs(keeper::TableMode table);

// Whether it says that something is wrong, rather than that somebody else deleted what is archived.
bool does_not_fit(const keeper::Found& found);

nlohmann::json json_of(const keeper::Found& found);
nlohmann::json json_of(const keeper::Trimmed& trimmed);
nlohmann::json json_of(const Holders& holders);
nlohmann::json json_of(const SeenWriters& seen);

// What the archive tells: members archive, chain, trimmed, proven, pcrs, pending, incidents and incident_counts.
// Errors: the archive's.
Result<nlohmann::json> archive_status(archive::Archive& archive, const std::string& file);

// Members of `archive` that every segment is asked for: payload_bytes, violations. Errors: the archive's.
Result<nlohmann::json> archive_totals(archive::Archive& archive);

// What can be seen of the list by anybody: members list, holders. Opens no list. `method` is Keeper::method()'s.
void add_list_status(nlohmann::json& status, keeper::KernelImaSource& source, const Result<keeper::Method>& method,
                     keeper::TableMode table, const Holders& holders);

// Without a keeper: an archive that is proven but does not know all of the list is `behind` it.
void compare_with_list(nlohmann::json& status);

// What only the keeper knows: member keeper, and pcrs as it last found them.
struct KeeperView {
  const keeper::Followed& last;
  const std::optional<Error>& last_error;
  const std::string& follows_only;  // why; empty if it takes records out
  bool has_pcrs = false;
  const KeeperStats& stats;
  std::int64_t now_ms = 0;  // of the clock of `stats`
  const std::optional<SeenWriters>& last_writers;
};
void add_keeper_status(nlohmann::json& status, const KeeperView& view);

// Whether nothing in it says that the records and the PCRs do not fit.
bool status_fits(const nlohmann::json& status);

}  // namespace imakeep::app
