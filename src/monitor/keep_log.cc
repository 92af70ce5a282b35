// SPDX-License-Identifier: Apache-2.0
#include "monitor/keep_log.h"

#include <cstdio>
#include <utility>

#include <nlohmann/json.hpp>

#include "base/text.h"
#include "monitor/keep_events.h"

namespace imakeep::monitor {
namespace {

void say_line(LogTarget target, const std::string& event, const std::string& text, const nlohmann::json& members) {
  const std::string shown = printable(text);
  if (target == LogTarget::kJournal && send_to_journal(journal_fields(event, shown, members))) return;
  // In one call, so that lines of two threads do not mix.
  const std::string priority =
      target == LogTarget::kPlain ? "" : "<" + std::to_string(priority_of(event, members)) + ">";
  std::fprintf(stderr, "%simakeep: %s\n", priority.c_str(), shown.c_str());
}

}  // namespace

void KeepLog::say(const std::string& event, const std::string& text) {
  say(event, text, nlohmann::json::object());
}

void KeepLog::say(const std::string& event, const std::string& text, nlohmann::json members) {
  say_line(target_, event, text, members);
  if (!json_) return;
  members["event"] = event;
  members["text"] = text;
  std::printf("%s\n", members.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace).c_str());
  std::fflush(stdout);
}

void KeepLog::state(const std::string& event, const std::string& text) {
  state(event, text, nlohmann::json::object());
}

void KeepLog::state(const std::string& event, const std::string& text, nlohmann::json members) {
  if (text.empty()) {
    states_.erase(event);
    return;
  }
  std::string& said = states_[event];
  if (said == text) return;
  said = text;
  say(event, text, std::move(members));
}

}  // namespace imakeep::monitor
