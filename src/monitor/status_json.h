// SPDX-License-Identifier: Apache-2.0
// monitor/status_json.h - a status and its parts as JSON, for the keeper's answers, `imakeep status --json` and the
// log.
//
// Members: docs/formats/keeper-socket.md. Threads: no shared state.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "base/result.h"
#include "host/holders.h"
#include "keeper/keeper.h"
#include "monitor/last_writers.h"
#include "monitor/status.h"

namespace imakeep::monitor {

nlohmann::json json_of(const Status& status);
// Reads what json_of() wrote. Members that it does not know are ignored. kMalformed if a member lacks or has
// another type: the JSON is not a keeper's status.
Result<Status> status_of(const nlohmann::json& json);

nlohmann::json json_of(const keeper::Finding& found);
nlohmann::json json_of(const keeper::TrimResult& trimmed);
nlohmann::json json_of(const host::Holders& holders);
nlohmann::json json_of(const SeenWriters& seen);

}  // namespace imakeep::monitor
