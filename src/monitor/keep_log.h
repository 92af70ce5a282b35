// SPDX-License-Identifier: Apache-2.0
// monitor/keep_log.h - the log of `imakeep keep`. Each event becomes an entry of the journal, or a line on standard
// error if that is not the journal. With --json, it also becomes an object on a line of standard output.
//
// The log names records by number and never reveals their content: no path, no digest, no PCR value.
// Threads: say() is safe from any; the rest belongs to one.
#pragma once

#include <map>
#include <string>

#include <nlohmann/json_fwd.hpp>

#include "monitor/journal.h"

namespace imakeep::monitor {

class KeepLog {
 public:
  explicit KeepLog(bool json, LogTarget target = LogTarget::kPlain) : json_(json), target_(target) {}

  // `event` names what happened and is one of keep_events.h. `members` are added to the JSON object and to the entry's
  // fields.
  void say(const std::string& event, const std::string& text);
  void say(const std::string& event, const std::string& text, nlohmann::json members);

  // Logs a state that lasts, but only if `text` differs from the last text logged for `event`. An empty text ends the
  // state and logs nothing.
  void state(const std::string& event, const std::string& text);
  void state(const std::string& event, const std::string& text, nlohmann::json members);
  bool in_state(const std::string& event) const { return states_.contains(event); }

 private:
  const bool json_;
  const LogTarget target_;
  std::map<std::string, std::string> states_;
};

}  // namespace imakeep::monitor
