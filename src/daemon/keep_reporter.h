// SPDX-License-Identifier: Apache-2.0
// daemon/keep_reporter.h - tells people and programs what the keeper's loop does: log, status, metrics, and the state
// that systemd shows. Counts what happened since the start.
//
// Threads: one, the same for all calls.
#pragma once

#include <memory>
#include <optional>
#include <set>
#include <string>

#include "archive/archive.h"
#include "base/clock.h"
#include "keeper/keeper.h"
#include "keeper/trim_trigger.h"
#include "monitor/keep_log.h"
#include "monitor/keeper_stats.h"
#include "monitor/last_writers.h"
#include "monitor/metrics_publisher.h"
#include "monitor/status.h"
#include "monitor/trim_story.h"

namespace imakeep::daemon {

// The reporter borrows all of them.
struct ReporterParts {
  keeper::ImaSource& source;
  archive::Archive& archive;
  Clock& clock;
  monitor::KeepLog& log;
  monitor::MetricsPublisher& metrics;
  std::string archive_file;    // the archive's name in a status
  std::string list_directory;  // whose open files the reporter looks for; empty: nobody can have them open
};

// What a status tells of the loop that the reporter does not know itself.
struct LoopState {
  const keeper::FollowResult& last;
  const std::optional<Error>& last_error;
  const Result<keeper::Method> method;
  keeper::TableMode table = keeper::TableMode::kUnknown;
  const std::string& why_no_trim;  // empty if the loop may trim
  bool has_pcrs = false;
  keeper::TrimAfter trim_after = keeper::TrimAfter::kArchived;
  std::optional<monitor::ViewStatus> view;  // empty without a view
};

// What a list that is busy means for the person who reads the log.
enum class Retry : std::uint8_t { kByKeeper, kByUser };

class KeepReporter {
 public:
  explicit KeepReporter(ReporterParts parts);
  ~KeepReporter();
  KeepReporter(const KeepReporter&) = delete;
  KeepReporter& operator=(const KeepReporter&) = delete;

  // A follow or a trim begins: what is published becomes out of date.
  void begins() { parts_.metrics.changed(); }

  // A follow succeeded.
  void followed();
  // A trim succeeded. `busy_before`: count of times in a row that the list was busy before this time.
  void trimmed(const monitor::TrimStory& story, std::uint32_t busy_before);
  // A follow or a trim failed: counts and logs it. Returns the outcome for the trigger.
  keeper::Outcome follow_failed(const Error& error, std::uint32_t busy_before);
  keeper::Outcome trim_failed(const Error& error, std::uint32_t busy_before);
  void set_retry(Retry retry) { retry_ = retry; }

  // Logs the findings of the last look that the look before did not have.
  void found(const std::vector<keeper::Finding>& all);
  // The view covers the list's files only now: logs who still has them open.
  void covered();
  // Tells systemd what `systemctl status` shows.
  void tell_systemd(const LoopState& state);

  // If `fresh` is false, the holders and the totals over all segments may be up to monitor::MetricsPublisher::kEveryMs
  // old. Errors: the archive's.
  Result<monitor::Status> status(const LoopState& state, bool fresh = true);
  Result<std::string> metrics(const LoopState& state, bool fresh = true);
  void publish(const LoopState& state);

 private:
  std::int64_t now_ms() { return parts_.clock.monotonic_us() / 1000; }
  host::Holders find_holders() const;
  void look_around();
  keeper::Outcome failed(const char* event, const Error& error, std::uint32_t busy_before);

  const ReporterParts parts_;
  Retry retry_ = Retry::kByKeeper;
  std::set<std::string> said_;  // findings of the last look at the list
  monitor::KeeperStats stats_;
  monitor::LastWriters writers_;
  struct Around;
  std::unique_ptr<Around> around_;  // null before the first look around
};

// Another process has the list open.
bool is_busy(const Error& error);

}  // namespace imakeep::daemon
