// SPDX-License-Identifier: Apache-2.0
// monitor/journal.h - writes log messages as entries of systemd's journal, with fields.
//
// Fields other than MESSAGE, PRIORITY, MESSAGE_ID, SYSLOG_IDENTIFIER and ERRNO are named IMAKEEP_*: docs/logs.md.
// Source: sd_journal_send(3), systemd.exec(5) on $JOURNAL_STREAM. Threads: no shared state.
#pragma once

#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

namespace imakeep::monitor {

// The destination of lines on standard error.
enum class LogTarget : std::uint8_t {
  kPlain,     // a terminal, a file or a pipe
  kJournal,   // the journal, which accepts entries too
  kPrefixed,  // the journal, but its socket cannot be reached from here: lines begin with "<PRIORITY>"
};

inline constexpr const char* kJournalSocket = "/run/systemd/journal/socket";

// `journal_stream` is $JOURNAL_STREAM, "DEVICE:INODE", or null if it is not set. It names the stream with which systemd
// started the program. `fd` is descriptor 2, which may be another stream by now.
LogTarget log_target(int fd, const char* journal_stream, const std::string& journal_socket = kJournalSocket);

// Returns fields as "NAME=value", which is what sd_journal_sendv(3) takes. `members` are those of KeepLog::say().
std::vector<std::string> journal_fields(const std::string& event, const std::string& text,
                                        const nlohmann::json& members);

// Whether the journal accepted the entry.
bool send_to_journal(const std::vector<std::string>& fields);

}  // namespace imakeep::monitor
