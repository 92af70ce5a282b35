// keep_log.h - what `imakeep keep` says: an entry of the journal, or a line on standard error where that is not the
// journal, for each thing that happens; and with --json an object on a line of standard output for it.
//
// It tells numbers of records, never what they say: no path, no digest, no value of a PCR. Threads: one.
#pragma once

#include <map>
#include <string>

#include <nlohmann/json.hpp>

#include "journal.h"

namespace imakeep::app {

class KeepLog {
 public:
  explicit KeepLog(bool json, LogTarget target = LogTarget::kPlain) : json_(json), target_(target) {}

  // `event` is the name of what happened, one of keep_events.h; `members` go into the object, and into the entry's
  // fields, beside it.
  void say(const std::string& event, const std::string& text, nlohmann::json members = nlohmann::json::object());

  // A state that lasts: says it only if it is another than was last said for `event`. An empty text ends the state
  // without a word.
  void state(const std::string& event, const std::string& text, nlohmann::json members = nlohmann::json::object());
  bool in_state(const std::string& event) const { return states_.contains(event); }

 private:
  const bool json_;
  const LogTarget target_;
  std::map<std::string, std::string> states_;
};

}  // namespace imakeep::app
