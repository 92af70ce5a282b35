// SPDX-License-Identifier: Apache-2.0
// monitor/keep_events.h - the kinds of event that `imakeep keep` logs. The journal tells them apart by message ID.
// docs/logs.md lists them. Threads: constants.
#pragma once

#include <span>
#include <string_view>

#include <nlohmann/json_fwd.hpp>

namespace imakeep::monitor {

struct KeepEvent {
  std::string_view name;        // as in --json and IMAKEEP_EVENT
  std::string_view message_id;  // 32 hex digits; must never change, because people search and alert by it
  int priority = 0;             // as in syslog(3)
};

std::span<const KeepEvent> keep_events();

// Null if the table has no event of this name.
const KeepEvent* keep_event(std::string_view name);

// Returns the event's priority. Three findings get only LOG_WARNING: archived records that somebody else trimmed,
// archived records that a kexec dropped, and a list that changed while it was read. LOG_INFO for an event that the
// table does not have.
int priority_of(std::string_view event, const nlohmann::json& members);

}  // namespace imakeep::monitor
