// journal.h - what is said, as entries of systemd's journal with fields.
//
// Fields beside MESSAGE, PRIORITY, MESSAGE_ID and SYSLOG_IDENTIFIER are IMAKEEP_*: docs/logs.md. Source:
// sd_journal_send(3), systemd.exec(5) on $JOURNAL_STREAM. Threads: no shared state.
#pragma once

#include <string>
#include <vector>

#include <nlohmann/json.hpp>

namespace imakeep::app {

// Where lines on standard error go.
enum class LogTarget : std::uint8_t {
  kPlain,     // to a terminal, a file, a pipe
  kJournal,   // to the journal, which takes entries too
  kPrefixed,  // to the journal, but its socket is not to be reached from here: lines with "<PRIORITY>" before them
};

inline constexpr const char* kJournalSocket = "/run/systemd/journal/socket";

// `journal_stream` is $JOURNAL_STREAM, "DEVICE:INODE", null without: the stream that systemd connected a program with,
// which need not be what its descriptor 2 is by now. `fd` is that descriptor.
LogTarget log_target(int fd, const char* journal_stream, const std::string& journal_socket = kJournalSocket);

// "NAME=value", as sd_journal_sendv(3) takes them. `members` are those of KeepLog::say().
std::vector<std::string> journal_fields(const std::string& event, const std::string& text,
                                        const nlohmann::json& members);

// Whether the journal took it.
bool send_to_journal(const std::vector<std::string>& fields);

}  // namespace imakeep::app
