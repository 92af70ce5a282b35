// keep_log.h - what `imakeep keep` says: a line on standard error for each thing that happens, and with --json an
// object on a line of standard output for it. Threads: one.
#pragma once

#include <map>
#include <string>

#include <nlohmann/json.hpp>

namespace imakeep::app {

class KeepLog {
 public:
  explicit KeepLog(bool json) : json_(json) {}

  // `event` is the name of what happened; `members` go into the object beside it.
  void say(const std::string& event, const std::string& text, nlohmann::json members = nlohmann::json::object());

  // A state that lasts: says it only if it is another than was last said for `event`. An empty text ends the state
  // without a word.
  void state(const std::string& event, const std::string& text);
  bool in_state(const std::string& event) const { return states_.contains(event); }

 private:
  const bool json_;
  std::map<std::string, std::string> states_;
};

}  // namespace imakeep::app
