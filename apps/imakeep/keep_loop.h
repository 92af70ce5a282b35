// keep_loop.h - `imakeep keep` as it runs: looks at the list when it changed, takes records out when that is due, and
// answers who asks.
//
// Everything that touches the list happens in the thread that calls run() or once(): to Linux it is the thread that has
// the list open. Nothing ends the loop but a signal: what fails is said, and tried again later. Threads: one, the same
// for all calls.
#pragma once

#include <optional>
#include <set>

#include "keep_config.h"
#include "keep_log.h"
#include "keep_view.h"
#include "keeper/keeper.h"
#include "keeper/kernel/kernel_ima_source.h"
#include "keeper/trim_trigger.h"
#include "keeper_stats.h"
#include "last_writers.h"
#include "metrics_publisher.h"
#include "request_queue.h"
#include "terminal.h"
#include "trim_story.h"

namespace imakeep::app {

// What the loop works with; all are borrowed.
struct KeepParts {
  keeper::KernelImaSource& source;
  archive::Archive& archive;
  tpm::PcrBanks* pcrs;  // null without any
  Clock& clock;
  KeepLog& log;
  MetricsPublisher& metrics;
  KeepView* view = nullptr;  // null without one
};

class KeepLoop {
 public:
  KeepLoop(const KeepParts& parts, KeepConfig config, keeper::TableMode table);

  KeepLoop(const KeepLoop&) = delete;
  KeepLoop& operator=(const KeepLoop&) = delete;

  // kEnvironment if the method that was asked for is not to be had, though another is. Where there is none at all the
  // list is followed only.
  Result<void> check_method() const;

  // Says what will be done to which list.
  void say_what_is_kept();

  // Follows and trims, once. The program's exit code: kNotAsItShouldBe if something does not fit.
  int once();

  // Until a signal to end comes through `signals`, a signalfd(2) of stop_signals() and SIGUSR1.
  void run(int signals, RequestQueue& requests);

 private:
  std::int64_t now_ms() { return parts_.clock.monotonic_us() / 1000; }
  keeper::KeeperOptions keeper_options(keeper::TableMode table);
  std::string why_no_trim() const;
  const std::optional<Error>& last_error() const { return trim_error_ ? trim_error_ : follow_error_; }

  Result<void> follow();
  Result<keeper::Trimmed> trim();
  CatchUp* catch_up() const { return parts_.view != nullptr ? parts_.view->catch_up() : nullptr; }
  void show();
  void say_view(const std::string& error);
  void looked();
  void take_catch_up();
  void step();
  void wait(int signals, RequestQueue& requests);
  void take_signals(int signals);
  void take_pressure();
  void watch_pressure();
  void end();

  control::Message answer(const control::Message& request);
  // Who has the list open, and what every segment is asked for, are `fresh` or some seconds old.
  Result<nlohmann::json> status(bool fresh = true);
  void look_around();
  Result<std::string> metrics(bool fresh = true);
  void publish_if_due();

  keeper::Outcome failed(const std::string& event, const Error& error, std::uint32_t busy_before);
  void say_found();
  void say_trimmed(const TrimStory& story);
  void tell_systemd();

  const KeepParts parts_;
  const KeepConfig config_;
  keeper::Keeper keeper_;
  const std::string why_no_trim_;  // empty if records may be taken out
  keeper::TrimTrigger trigger_;
  std::optional<Progress> progress_;  // of the first reading
  UniqueFd pressure_;
  bool once_ = false;
  bool ready_ = false;   // systemd was told so
  bool placed_ = false;  // a look found the list to be of the archive's last chain
  bool stopping_ = false;
  std::optional<Error> follow_error_;  // of the last one
  std::optional<Error> trim_error_;    // likewise
  std::string view_error_;             // why the view does not show all of the list; empty if it does
  std::set<std::string> said_;         // what was found when the list was last looked at
  KeeperStats stats_;
  LastWriters writers_;
  // What takes long to find out, and when that was.
  struct Around {
    std::int64_t at_ms = 0;
    Holders holders;
    nlohmann::json archive_totals;
  };
  std::optional<Around> around_;
  std::int64_t watchdog_ms_ = 0;  // systemd wants to hear of us so often; 0: never
};

}  // namespace imakeep::app
