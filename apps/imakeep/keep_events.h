// keep_events.h - the kinds of thing that `imakeep keep` says, as the journal tells them apart. docs/logs.md lists
// them. Threads: constants.
#pragma once

#include <span>
#include <string_view>

#include <nlohmann/json.hpp>

namespace imakeep::app {

struct KeepEvent {
  std::string_view name;        // as --json and IMAKEEP_EVENT have it
  std::string_view message_id;  // 32 hex digits; never changed, for people search and alert by it
  int priority = 0;             // of syslog(3)
};

std::span<const KeepEvent> keep_events();

// Null for one that has no entry.
const KeepEvent* keep_event(std::string_view name);

// The event's, but for what was found: that somebody else took out what is archived is a warning only. LOG_INFO for an
// event that has no entry.
int priority_of(std::string_view event, const nlohmann::json& members);

}  // namespace imakeep::app
