// keeper_status.h - how a list and its archive stand, as JSON: what `imakeep status` prints, what the keeper answers.
//
// Members: docs/formats/keeper-socket.md. Threads: no shared state.
#pragma once

#include <optional>
#include <string>

#include <nlohmann/json.hpp>

#include "holders.h"
#include "keeper/keeper.h"
#include "keeper/kernel/kernel_ima_source.h"

namespace imakeep::app {

std::string_view method_word(keeper::Method method);   // "auto", "stage", "count"
std::string_view table_word(keeper::TableMode table);  // "unknown", "kept", "flushed"
// What the table costs, in a sentence.
std::string table_costs(keeper::TableMode table);

// Whether it says that something is wrong, rather than that somebody else deleted what is archived.
bool does_not_fit(const keeper::Found& found);

nlohmann::json json_of(const keeper::Found& found);
nlohmann::json json_of(const keeper::Trimmed& trimmed);
nlohmann::json json_of(const Holders& holders);

// What the archive tells: members archive, chain, trimmed, proven, pcrs, pending, incidents. Errors: the archive's.
Result<nlohmann::json> archive_status(archive::Archive& archive, const std::string& file);

// What can be seen of the list by anybody: members list, holders. Opens no list. `method` is Keeper::method()'s.
void add_list_status(nlohmann::json& status, keeper::KernelImaSource& source, const Result<keeper::Method>& method,
                     keeper::TableMode table);

// What only the keeper knows: member keeper, and pcrs as it last found them.
struct KeeperView {
  const keeper::Followed& last;
  const std::optional<Error>& last_error;
  const std::string& follows_only;  // why; empty if it takes records out
  bool has_pcrs = false;
  std::uint64_t busy = 0;
};
void add_keeper_status(nlohmann::json& status, const KeeperView& view);

// Whether nothing in it says that the records and the PCRs do not fit.
bool status_fits(const nlohmann::json& status);

}  // namespace imakeep::app
