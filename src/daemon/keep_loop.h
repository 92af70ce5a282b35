// SPDX-License-Identifier: Apache-2.0
// daemon/keep_loop.h - the main loop of `imakeep keep`: decides when to look at the list and when to trim, and carries
// out what is asked of it. keep_requests.h answers requests; keep_reporter.h logs and counts.
//
// Only the thread that calls run() or once() touches the list: to Linux, that is the thread that has the list open.
// Only a signal ends the loop. If an operation fails, the loop logs that and retries later. Threads: one, the same for
// all calls.
#pragma once

#include <functional>
#include <optional>

#include "daemon/activity.h"
#include "daemon/keep_config.h"
#include "daemon/keep_reporter.h"
#include "daemon/keep_requests.h"
#include "daemon/request_queue.h"
#include "daemon/view_keeper.h"
#include "keeper/keeper.h"
#include "keeper/trim_trigger.h"
#include "monitor/keep_log.h"
#include "monitor/metrics_publisher.h"

namespace imakeep::daemon {

// The parts that the loop works with. The loop borrows all of them.
struct KeepParts {
  keeper::ImaSource& source;
  std::string list_directory;  // where others may have the list open; empty: nobody can
  archive::Archive& archive;
  tpm::PcrBanks* pcrs;  // null without PCRs
  Clock& clock;
  monitor::KeepLog& log;
  monitor::MetricsPublisher& metrics;
  Activity& activity;          // the loop reports to it
  ViewKeeper* view = nullptr;  // null without a view
  // Optional. During the first look: the count of records read so far, of `total`. After it: with `read` equal to
  // `total`.
  std::function<void(std::uint64_t read, std::uint64_t total)> first_look = {};
};

// The events that the loop waits for, apart from time. The descriptors are for poll(2).
struct KeepEvents {
  int to_trim = -1;  // a signalfd(2) of SIGUSR1
  int to_end = -1;   // readable once the loop is to end
  RequestQueue& requests;
};

class KeepLoop : private KeepOperations {
 public:
  KeepLoop(const KeepParts& parts, KeepConfig config, keeper::TableMode table);

  ~KeepLoop() override;
  KeepLoop(const KeepLoop&) = delete;
  KeepLoop& operator=(const KeepLoop&) = delete;

  // kEnvironment if the kernel does not offer the requested method, but offers another. If it offers none, this is no
  // error: the loop then only follows the list.
  Result<void> check_method() const;

  // Logs which list the keeper follows, by which PCRs and method, and why it does not trim, if it does not.
  void say_what_is_kept();

  // Follows and trims once. False if is_problem() holds for a finding. Logs an error before it returns it.
  Result<bool> once();

  // Runs until `events.to_end` is readable.
  void run(const KeepEvents& events);
  // Whether the last look at the list, at the end of run(), failed. Then records may be missing from the archive.
  bool last_look_failed() const { return last_look_failed_; }

 private:
  std::int64_t now_ms() { return parts_.clock.monotonic_us() / 1000; }
  keeper::KeeperOptions keeper_options(keeper::TableMode table);
  std::string why_no_trim() const;
  const std::optional<Error>& last_error() const { return trim_error_ ? trim_error_ : follow_error_; }
  LoopState state() const;

  Result<void> follow();
  Result<keeper::TrimResult> trim();
  view::CatchUp* catch_up() const { return parts_.view != nullptr ? &parts_.view->catch_up() : nullptr; }
  void show();
  void end_first_look();
  void say_view(const std::string& error);
  void looked();
  void take_catch_up();
  void step();
  void wait(const KeepEvents& events);
  bool mounts_due();
  void take_signals(int to_trim);
  void take_pressure();
  void watch_pressure();
  void end();

  void publish_if_due();

  Result<monitor::Status> tell_status() override { return reporter_.status(state()); }
  Result<std::string> tell_metrics() override { return reporter_.metrics(state()); }
  Result<keeper::FollowResult> follow_now() override;
  Result<Trimmed> trim_now() override;
  Result<bool> verified(const std::string& verifier, archive::ChainId chain, std::uint64_t records,
                        const std::optional<archive::AcceptedQuote>& quote) override;
  Result<Verifiers> tell_verifiers() override;
  Result<void> remove_verifier(const std::string& verifier) override;

  const KeepParts parts_;
  const KeepConfig config_;
  keeper::Keeper keeper_;
  const std::string why_no_trim_;  // empty if the loop may trim
  keeper::TrimTrigger trigger_;
  KeepReporter reporter_;
  bool first_look_ = true;
  std::uint64_t first_total_ = 0;  // records in the list before the first look
  UniqueFd pressure_;
  bool ready_ = false;   // systemd was told that the service is ready
  bool placed_ = false;  // a look has found that the list belongs to the archive's last chain
  bool stopping_ = false;
  bool last_look_failed_ = false;
  std::optional<Error> follow_error_;  // of the last follow
  std::optional<Error> trim_error_;    // of the last trim
  int replaced_mounters_ = 0;          // number of replacements that were logged
  std::int64_t mounts_looked_ms_ = 0;  // when the loop last found that the process that mounts had ended
  std::string view_error_;             // why the view does not show the whole list; empty if it does
  std::int64_t watchdog_ms_ = 0;       // systemd's watchdog interval; 0: no watchdog
};

}  // namespace imakeep::daemon
