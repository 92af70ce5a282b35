// SPDX-License-Identifier: Apache-2.0
#include "monitor/journal.h"

#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <array>
#include <utility>

#include <nlohmann/json.hpp>

#define SD_JOURNAL_SUPPRESS_LOCATION
#include <systemd/sd-journal.h>

#include "monitor/keep_events.h"

namespace imakeep::monitor {
namespace {

using nlohmann::json;

// Members of a log message, and their journal fields.
constexpr std::array<std::pair<const char*, const char*>, 11> kFields = {{
    {"chain", "IMAKEEP_CHAIN"},
    {"first", "IMAKEEP_FIRST"},
    {"records", "IMAKEEP_RECORDS"},
    {"method", "IMAKEEP_METHOD"},
    {"hold_us", "IMAKEEP_HOLD_USEC"},
    {"list_records", "IMAKEEP_LIST_RECORDS"},
    {"bytes", "IMAKEEP_BYTES"},
    {"proven_unix_s", "IMAKEEP_PROVEN_UNIX_SEC"},
    {"diagnosis", "IMAKEEP_DIAGNOSIS"},
    {"verifier", "IMAKEEP_VERIFIER"},
    {"errno", "ERRNO"},
}};

std::string value_text(const json& value) {
  return value.is_string() ? value.get<std::string>() : value.dump();
}

}  // namespace

LogTarget log_target(int fd, const char* journal_stream, const std::string& journal_socket) {
  struct stat status {};
  if (journal_stream == nullptr || ::fstat(fd, &status) != 0) return LogTarget::kPlain;
  if (journal_stream != std::to_string(status.st_dev) + ":" + std::to_string(status.st_ino)) return LogTarget::kPlain;
  // If the socket does not exist, libsystemd drops entries silently.
  return ::access(journal_socket.c_str(), W_OK) == 0 ? LogTarget::kJournal : LogTarget::kPrefixed;
}

std::vector<std::string> journal_fields(const std::string& event, const std::string& text, const json& members) {
  std::vector<std::string> fields = {"MESSAGE=" + text, "PRIORITY=" + std::to_string(priority_of(event, members)),
                                     "SYSLOG_IDENTIFIER=imakeep", "IMAKEEP_EVENT=" + event};
  if (const KeepEvent* const known = keep_event(event)) {
    fields.push_back("MESSAGE_ID=" + std::string(known->message_id));
  }
  for (const auto& [member, field] : kFields) {
    const auto found = members.find(member);
    if (found == members.end() || found->is_null()) continue;
    fields.push_back(std::string(field) + "=" + value_text(*found));
  }
  // An entry may contain a field several times.
  for (const json& holder : members.value("holders", json::array())) {
    fields.push_back("IMAKEEP_HOLDER_PID=" + value_text(holder.at("pid")));
  }
  return fields;
}

bool send_to_journal(const std::vector<std::string>& fields) {
  std::vector<iovec> vectors;
  vectors.reserve(fields.size());
  for (const std::string& field : fields) {
    vectors.push_back({.iov_base = const_cast<char*>(field.data()), .iov_len = field.size()});
  }
  return ::sd_journal_sendv(vectors.data(), static_cast<int>(vectors.size())) == 0;
}

}  // namespace imakeep::monitor
