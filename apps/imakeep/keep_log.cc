#include "keep_log.h"

#include <cstdio>

namespace imakeep::app {

void KeepLog::say(const std::string& event, const std::string& text, nlohmann::json members) {
  std::fprintf(stderr, "imakeep: %s\n", text.c_str());
  if (!json_) return;
  members["event"] = event;
  members["text"] = text;
  std::printf("%s\n", members.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace).c_str());
  std::fflush(stdout);
}

void KeepLog::state(const std::string& event, const std::string& text) {
  if (text.empty()) {
    states_.erase(event);
    return;
  }
  std::string& said = states_[event];
  if (said == text) return;
  said = text;
  say(event, text);
}

}  // namespace imakeep::app
