// SPDX-License-Identifier: Apache-2.0
// monitor/status.h - the state of a list, its archive and its keeper.
//
// docs/formats/keeper-socket.md says what each member means; the names here are those of the page. keeper_status.h
// collects a status; status_json.h, status_text.h and keeper_metrics.h print one. An empty optional: not known, or not
// there. Times ending in _unix_s are seconds since 1970, 0 for never. Threads: values.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "archive/chain_id.h"

namespace imakeep::monitor {

// Members that require reading every segment.
struct ArchiveTotals {
  std::uint64_t payload_bytes = 0;
  std::uint64_t violations = 0;
};

struct ArchiveStatus {
  std::string file;
  std::uint64_t file_bytes = 0;
  std::uint64_t records = 0;  // in all chains
  std::uint64_t chains = 0;
  std::optional<std::uint64_t> free_bytes;  // of the file system that holds the archive
  std::optional<std::uint64_t> filesystem_bytes;
  std::optional<ArchiveTotals> totals;
};

// Records that nothing proves.
struct BrokenRange {
  std::uint64_t first = 0;
  std::uint64_t end = 0;
  std::string why;
  std::int64_t since_unix_s = 0;
};

struct AnchorStatus {
  std::uint64_t record = 0;
  std::uint64_t broken_at = 0;
  std::string why;
};

struct TrimmedStatus {
  std::uint64_t records = 0;
  std::uint64_t times = 0;
  std::int64_t last_unix_s = 0;
  std::uint64_t records_by_others = 0;
  std::uint64_t times_by_others = 0;
};

struct ProvenStatus {
  std::uint64_t records = 0;  // the chain's records before this one
  std::int64_t last_unix_s = 0;
};

struct ChainStatus {
  archive::ChainId chain = {};
  bool from_boot = false;  // otherwise its beginning is unknown
  std::uint64_t first_kept = 0;
  std::uint64_t end = 0;
  std::vector<std::string> banks;
  std::vector<BrokenRange> broken;
  std::vector<AnchorStatus> anchors;
  TrimmedStatus trimmed;
  ProvenStatus proven;
};

enum class PcrsState : std::uint8_t { kProven, kLagging, kIncomplete, kNotProven, kMismatch };
inline constexpr std::array kAllPcrsStates = {PcrsState::kProven, PcrsState::kLagging, PcrsState::kIncomplete,
                                              PcrsState::kNotProven, PcrsState::kMismatch};
// The states as the JSON form and the metrics show them: "proven", "lagging", "incomplete", "not proven", "does not
// match".
std::string_view word(PcrsState state);
// The word that a state had before, if it was renamed: "behind", "does not fit".
std::optional<std::string_view> former_word(PcrsState state);
// Takes former words too.
std::optional<PcrsState> pcrs_state_of(std::string_view word);

// The records that a finding of the keeper concerns.
struct FoundAt {
  archive::ChainId chain = {};
  std::uint64_t first = 0;
  std::optional<std::uint64_t> records;
};

struct PcrsStatus {
  PcrsState state = PcrsState::kNotProven;
  // Only with kMismatch: a word of keeper/diagnosis.h, and a sentence.
  std::string diagnosis;
  std::string what;
  std::optional<FoundAt> found_at;
};

struct PendingStatus {
  archive::ChainId chain = {};
  std::string method;
  std::uint64_t first = 0;
  std::uint64_t records = 0;
  std::int64_t since_unix_s = 0;
};

// A registered verifier.
struct VerifierStatus {
  std::string name;
  std::uint64_t records = 0;     // it has proven the chain's records before this one
  std::int64_t last_unix_s = 0;  // when it last said so
};

struct IncidentStatus {
  archive::ChainId chain = {};
  std::uint64_t first = 0;
  std::optional<std::uint64_t> records;
  std::string kind;
  std::string what;
  std::int64_t since_unix_s = 0;
};

// What every process can see of the list.
struct ListStatus {
  std::string directory;
  std::optional<std::uint64_t> current_records;
  std::string error;  // why they could not be counted; empty if they could
  std::optional<std::uint64_t> violations;
  std::string method;     // empty if no method is possible
  std::string no_method;  // then: why
  std::string table;
  std::string table_costs;
};

struct HolderStatus {
  std::int64_t pid = 0;
  std::string command;
  std::string file;
  bool writes = false;
  std::string text;
};

struct ViewStatus {
  std::string directory;
  bool mounted = false;
  archive::ChainId chain = {};
  bool covers_list = false;
  std::string error;  // empty if the view shows the whole list
};

// What the keeper found at its last look at the list.
struct LookStatus {
  std::uint64_t list_records = 0;
  std::uint64_t staged_records = 0;
  std::uint64_t lag = 0;
  std::map<std::string, std::uint64_t> found;  // findings by diagnosis
};

struct HoldsStatus {
  std::uint64_t times = 0;
  std::int64_t us = 0;
  std::vector<std::pair<std::int64_t, std::uint64_t>> at_most;  // a limit in us, and how many holds were no longer
};

struct LastWritersStatus {
  std::int64_t seen_unix_s = 0;
  std::vector<HolderStatus> writers;
};

struct KeeperStatus {
  std::int64_t pid = 0;
  std::int64_t started_unix_s = 0;
  std::string error;                    // of the last follow or trim; empty if it succeeded
  std::string follows_only;             // why the keeper does not trim; empty if it does
  std::string trim_after = "archived";  // or "verified"
  std::string held_back;                // what holds records back from a trim by trim_after; empty if nothing does
  std::uint64_t held_back_records = 0;  // archived records in the list that it holds back
  std::optional<LookStatus> look;
  std::uint64_t busy = 0;
  std::int64_t busy_ms = 0;
  std::uint64_t failed_follows = 0;
  std::uint64_t failed_trims = 0;
  std::int64_t trim_ended_unix_s = 0;
  std::int64_t trim_overdue_ms = 0;
  std::uint64_t trimmed_bytes = 0;
  HoldsStatus holds;
  std::optional<LastWritersStatus> last_writers;
};

struct Status {
  std::int64_t at_unix_s = 0;
  ArchiveStatus archive;
  std::optional<ChainStatus> chain;
  PcrsStatus pcrs;
  std::optional<PendingStatus> pending;
  std::vector<IncidentStatus> incidents;  // the last ten
  std::map<std::string, std::uint64_t> incident_counts;
  std::optional<std::vector<VerifierStatus>> verifiers;  // by name; empty without a chain, and if they cannot be read
  std::optional<std::uint64_t> archived_in_list;         // records of the chain that the list should hold
  std::optional<ListStatus> list;
  std::optional<std::vector<HolderStatus>> holders;  // at most 50
  std::optional<ViewStatus> view;
  std::optional<KeeperStatus> keeper;
};

// False if records and PCRs do not match, or if the keeper or the view reports an error.
bool is_good(const Status& status);

}  // namespace imakeep::monitor
