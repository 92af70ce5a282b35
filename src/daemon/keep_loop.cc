// SPDX-License-Identifier: Apache-2.0
#include "daemon/keep_loop.h"

#include <poll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <limits>
#include <thread>

#include <nlohmann/json.hpp>
#include <systemd/sd-daemon.h>

#include "control/message.h"
#include "host/holders.h"
#include "host/memory_pressure.h"
#include "monitor/keeper_metrics.h"
#include "monitor/keeper_status.h"

namespace imakeep::daemon {
namespace {

using keeper::Diagnosis;
using keeper::Next;
using keeper::Outcome;

// How often the last look is repeated while the list is busy.
constexpr int kLastLooks = 10;
constexpr std::chrono::milliseconds kBetweenLastLooks{100};

bool is_busy(const Error& error) {
  return error.code == ErrorCode::kEnvironment && error.os_errno == EBUSY;
}

// During a reboot, Linux answers D and N with ESTALE. Once measurement is suspended, it answers A with EACCES.
bool is_reboot(const Error& error) {
  return error.code == ErrorCode::kRefused && (error.os_errno == ESTALE || error.os_errno == EACCES);
}

std::string records_text(std::uint64_t records) {
  return std::to_string(records) + (records == 1 ? " record" : " records");
}

bool unsettled(const keeper::FollowResult& followed) {
  return std::ranges::find(followed.found, Diagnosis::kConcurrentChange, &keeper::Finding::diagnosis) !=
         followed.found.end();
}

// The first read of the list may take longer than TimeoutStartSec=, so the loop asks for more time while it reads.
constexpr const char* kMoreTimeToStart = "EXTEND_TIMEOUT_USEC=60000000";

}  // namespace

// Results that take long to find out, and the time when the loop found them.
struct KeepLoop::Around {
  std::int64_t at_ms = 0;
  host::Holders holders;
  nlohmann::json archive_totals;
};

KeepLoop::KeepLoop(const KeepParts& parts, KeepConfig config, keeper::TableMode table)
    : parts_(parts),
      config_(std::move(config)),
      keeper_(parts.source, parts.archive, parts.pcrs, parts.clock, keeper_options(table)),
      why_no_trim_(why_no_trim()),
      trigger_({.every_ms = config_.every_ms,
                .records = config_.records,
                .bytes = config_.bytes,
                .follow_every_ms = config_.follow_every_ms},
               why_no_trim_.empty(), now_ms()),
      stats_(parts.clock.unix_s()) {}

KeepLoop::~KeepLoop() = default;

std::string KeepLoop::why_no_trim() const {
  if (const auto method = keeper_.method(); !method) return method.error().message;
  if (parts_.pcrs != nullptr || config_.unproven) return {};
  return "no PCRs prove the records: the keeper only archives them, and trims only with --unproven";
}

keeper::KeeperOptions KeepLoop::keeper_options(keeper::TableMode table) {
  return {.method = config_.method,
          .unproven = config_.unproven,
          .table = table,
          .start = config_.start,
          .progress = [this](std::uint64_t records) {
            if (watchdog_ms_ > 0) ::sd_notify(0, "WATCHDOG=1");
            if (!ready_) ::sd_notify(0, kMoreTimeToStart);
            parts_.activity.progress();
            if (first_look_ && parts_.first_look) parts_.first_look(records, first_total_);
          }};
}

Result<void> KeepLoop::check_method() const {
  const auto method = keeper_.method();
  if (method || config_.method == keeper::Method::kAuto) return {};
  const keeper::Keeper any(parts_.source, parts_.archive, parts_.pcrs, parts_.clock, {.table = keeper_.table()});
  if (!any.method()) return {};
  return fail(ErrorCode::kEnvironment, method.error().message);
}

void KeepLoop::say_what_is_kept() {
  const auto method = keeper_.method();
  parts_.log.say("keeping", "keeping " + parts_.source.name() + "; PCRs " +
                                (parts_.pcrs == nullptr ? "none" : digest::bank_names(parts_.pcrs->banks())) +
                                (why_no_trim_.empty() ? ", method " + std::string(monitor::method_word(*method)) : ""));
  if (!why_no_trim_.empty()) parts_.log.say("follows-only", why_no_trim_);
}

// ---- follow and trim

Result<void> KeepLoop::follow() {
  const ActivityScope reading(parts_.activity, "reading the list " + parts_.source.name());
  parts_.metrics.changed();
  const auto followed = keeper_.follow();
  follow_error_.reset();
  if (!followed) {
    follow_error_ = followed.error();
    trigger_.followed(now_ms(), failed("follow", followed.error(), trigger_.busy_follows()));
    if (parts_.view != nullptr && !placed_) {
      say_view(
          "waiting until the keeper has read the list once, because the archived records may be of an earlier boot");
    }
    return unexpected(followed.error());
  }
  parts_.log.state("follow", "");
  stats_.followed();
  say_found();
  show();
  trigger_.list_is(followed->list_records, parts_.source.bytes_seen());
  trigger_.followed(now_ms(), Outcome::kDone, followed->lag > 0 || unsettled(*followed));
  return {};
}

Result<keeper::TrimResult> KeepLoop::trim() {
  const ActivityScope trimming(parts_.activity, "trimming the list " + parts_.source.name());
  parts_.metrics.changed();
  const std::uint32_t busy_before = trigger_.busy_trims();
  const auto before = keeper::ChainState::load(parts_.archive);
  auto trimmed = keeper_.trim();
  trim_error_.reset();
  say_found();
  show();
  if (!trimmed) {
    trim_error_ = trimmed.error();
    trigger_.list_is(keeper_.last().list_records, parts_.source.bytes_seen());
    trigger_.trimmed(now_ms(), failed("trim", trimmed.error(), busy_before));
    return trimmed;
  }
  parts_.log.state("trim", "");
  parts_.log.state("follow", "");
  if (busy_before > 0) {
    parts_.log.say("free", "the list is free again");
    around_.reset();
  }
  stats_.trim_ended(parts_.clock.unix_s());
  say_trimmed(monitor::trim_story(*trimmed, keeper_.last().list_records, before.value_or(std::nullopt), parts_.archive,
                                  parts_.source.bank().digest_bytes()));
  trigger_.list_is(keeper_.last().list_records, trimmed->records > 0 ? 0 : parts_.source.bytes_seen());
  trigger_.trimmed(now_ms(), trimmed->records > 0 ? Outcome::kDone : Outcome::kNothing);
  return trimmed;
}

// Shows readers of the view what was archived just now.
void KeepLoop::show() {
  if (parts_.view == nullptr) return;
  const ActivityScope showing(parts_.activity, "showing the view " + config_.view);
  looked();
  const keeper::FollowResult& last = keeper_.last();
  placed_ = placed_ || (last.chain && (last.archived > 0 || !unsettled(last)));
  // Until the list is placed, the archive's last chain may be the list of an earlier boot.
  if (!placed_) return;
  const auto covered = parts_.view->show(parts_.archive, parts_.source.banks());
  if (const int replaced = parts_.view->replaced_mounters(); replaced != std::exchange(replaced_mounters_, replaced)) {
    parts_.log.say("mounts", "the mount child ended or did not answer; the keeper started another one");
  }
  say_view(covered ? parts_.view->damage() : describe(covered.error()));
  if (!covered || !*covered) return;
  const host::Holders holders = host::find_holders(parts_.source.directory().path());
  if (holders.holders.empty()) return;
  parts_.log.say("held",
                 "the view covers the list's own files, but some are still open: " + describe(holders) +
                     "; no process can trim until they are closed: restart the holder, so that it opens the view's",
                 {{"holders", monitor::json_of(holders)}});
}

void KeepLoop::say_view(const std::string& error) {
  view_error_ = error;
  parts_.log.state("view", error.empty() ? "" : "the view: " + error);
}

// Tells waiting readers of the view the count of records in the current list at the last look.
void KeepLoop::looked() {
  if (catch_up() == nullptr) return;
  const keeper::FollowResult& last = keeper_.last();
  const bool settled = last.lag == 0 && !last_error();
  catch_up()->looked(settled ? std::optional(last.list_records - last.staged_records) : std::nullopt);
}

void KeepLoop::take_catch_up() {
  const std::uint64_t taken = catch_up()->take();
  // If the list cannot be counted, it cannot be read either.
  const ActivityScope counting(parts_.activity, "counting the list " + parts_.source.name());
  const auto count = parts_.source.count();
  if (count && !catch_up()->has_seen(*count)) (void)follow();  // follow() logs a failure, and the trigger retries later
  catch_up()->done(taken);
}

// ---- run once, and run until told to end

Result<bool> KeepLoop::once() {
  once_ = true;
  first_total_ = parts_.source.count().value_or(0);
  Result<void> done;
  if (why_no_trim_.empty()) {
    if (const auto trimmed = trim(); !trimmed) done = unexpected(trimmed.error());
  } else {
    done = follow();
  }
  end_first_look();
  publish_if_due();
  if (!done) return unexpected(done.error());  // follow() and trim() have logged it
  return std::ranges::none_of(keeper_.last().found, monitor::is_problem);
}

void KeepLoop::end_first_look() {
  if (std::exchange(first_look_, false) && parts_.first_look) parts_.first_look(first_total_, first_total_);
}

void KeepLoop::run(const KeepEvents& events) {
  std::uint64_t watchdog_us = 0;
  if (::sd_watchdog_enabled(0, &watchdog_us) > 0) watchdog_ms_ = static_cast<std::int64_t>(watchdog_us / 1000);
  watch_pressure();
  publish_if_due();
  first_total_ = parts_.source.count().value_or(0);
  parts_.activity.begin("between two looks");
  while (!stopping_) {
    step();
    end_first_look();
    // systemd starts units that wait for the keeper only now, so they find the view.
    if (!std::exchange(ready_, true)) ::sd_notify(0, "READY=1");
    publish_if_due();
    if (watchdog_ms_ > 0) ::sd_notify(0, "WATCHDOG=1");
    wait(events);
  }
  parts_.activity.begin("ending");
  end();
  events.requests.close();
  parts_.metrics.end();
}

void KeepLoop::step() {
  const ActivityScope counting(parts_.activity, "counting the list " + parts_.source.name());
  if (const auto count = parts_.source.count()) {
    trigger_.count_is(*count);
    parts_.log.state("count", "");
  } else {
    parts_.log.state("count", describe(count.error()));
  }
  switch (trigger_.next(now_ms())) {
    case Next::kFollow:
      (void)follow();  // follow() logs a failure, and the trigger retries later
      break;
    case Next::kTrim:
      (void)trim();
      break;
    case Next::kWait:
      return;
  }
  tell_systemd();
}

void KeepLoop::wait(const KeepEvents& wanted) {
  const std::int64_t now = now_ms();
  std::int64_t wait_ms = trigger_.wake_at_ms(now) - now;
  if (watchdog_ms_ > 0) wait_ms = std::min(wait_ms, watchdog_ms_ / 2);
  wait_ms = std::clamp<std::int64_t>(parts_.metrics.due_ms() - now, 0, wait_ms);
  pollfd events[] = {{.fd = wanted.to_trim, .events = POLLIN, .revents = 0},
                     {.fd = wanted.requests.descriptor(), .events = POLLIN, .revents = 0},
                     {.fd = pressure_.valid() ? pressure_.get() : -1, .events = POLLPRI, .revents = 0},
                     {.fd = catch_up() != nullptr ? catch_up()->descriptor() : -1, .events = POLLIN, .revents = 0},
                     {.fd = mounts_due() ? parts_.view->descriptor() : -1, .events = POLLIN, .revents = 0},
                     {.fd = wanted.to_end, .events = POLLIN, .revents = 0}};
  const int most = std::numeric_limits<int>::max();
  {
    const ActivityScope nothing(parts_.activity, "");
    if (::poll(events, std::size(events), static_cast<int>(std::min<std::int64_t>(wait_ms, most))) <= 0) return;
  }
  stopping_ = (events[5].revents & POLLIN) != 0;
  if (stopping_) return;
  const ActivityScope answering(parts_.activity, "answering");
  if ((events[0].revents & POLLIN) != 0) take_signals(wanted.to_trim);
  if ((events[2].revents & POLLERR) != 0) {
    pressure_ = UniqueFd();
  } else if ((events[2].revents & POLLPRI) != 0) {
    take_pressure();
  }
  if ((events[3].revents & POLLIN) != 0) take_catch_up();
  if (events[4].revents != 0) {
    mounts_looked_ms_ = now_ms();
    parts_.view->look_after_mounts();
    show();
  }
  if ((events[1].revents & POLLIN) == 0) return;
  wanted.requests.answer_all([this](const control::Message& request) { return answer(request); });
}

// If the process that mounts ends again and again, the loop replaces it at most once a second.
bool KeepLoop::mounts_due() {
  return parts_.view != nullptr && now_ms() - mounts_looked_ms_ >= 1000;
}

void KeepLoop::take_signals(int to_trim) {
  signalfd_siginfo signal{};
  while (::read(to_trim, &signal, sizeof signal) == sizeof signal) {
    if (why_no_trim_.empty()) {
      parts_.log.say("asked", "asked by a signal to trim");
      trigger_.asked();
    } else {
      parts_.log.say("asked", "asked by a signal to trim, but " + why_no_trim_);
    }
  }
}

void KeepLoop::watch_pressure() {
  if (config_.pressure_percent == 0 || !why_no_trim_.empty()) return;
  auto watched = host::watch_memory_pressure(config_.pressure_percent);
  if (watched) {
    pressure_ = std::move(*watched);
  } else {
    parts_.log.say("no-pressure", "the keeper does not watch memory pressure: " + watched.error().message +
                                      "; --pressure off silences this");
  }
}

void KeepLoop::take_pressure() {
  parts_.log.say("pressure", "memory is short");
  trigger_.memory_is_short();
}

// Archives the last records. With trim_at_exit, also trims, so that the list fits into the space that a kexec reserves.
void KeepLoop::end() {
  ::sd_notify(0, "STOPPING=1");
  parts_.log.say("ending", "ending");
  const bool trimmed = config_.trim_at_exit && why_no_trim_.empty() && trim().has_value();
  // If the trim is refused, for example by a busy list, follow() still archives the last records.
  bool looked = trimmed || follow().has_value();
  // Another process may have the list open for a moment. A list server may notice that it was closed only later.
  for (int tries = 0; !looked && is_busy(*follow_error_) && tries < kLastLooks; ++tries) {
    std::this_thread::sleep_for(kBetweenLastLooks);
    looked = follow().has_value();
  }
  last_look_failed_ = !looked;
}

// ---- requests

control::Message KeepLoop::answer(const control::Message& request) {
  const auto op = request.head.find("op");
  const std::string name = op != request.head.end() && op->is_string() ? op->get<std::string>() : "";
  nlohmann::json head;
  if (name == "status") {
    auto made = status();
    if (!made) return refusal(made.error());
    head = std::move(*made);
  } else if (name == "metrics") {
    const auto text = metrics();
    if (!text) return refusal(text.error());
    const ByteView bytes = as_bytes(*text);
    return {.head = {{"ok", true}, {"content_type", monitor::kMetricsContentType}},
            .payload = Bytes(bytes.begin(), bytes.end())};
  } else if (name == "follow") {
    const auto followed = follow();
    if (!followed) return refusal(followed.error());
    head = {{"archived", keeper_.last().archived}, {"list_records", keeper_.last().list_records}};
  } else if (name == "trim" && !why_no_trim_.empty()) {
    return refusal({.code = ErrorCode::kUnsupported, .message = why_no_trim_});
  } else if (name == "trim") {
    const auto trimmed = trim();
    if (!trimmed) return refusal(trimmed.error());
    head = monitor::json_of(*trimmed);
    head["list_records"] = keeper_.last().list_records;
  } else {
    return refusal({.code = ErrorCode::kUsage,
                    .message = "unknown operation '" + name + "'; a keeper has status, follow, trim and metrics"});
  }
  head["ok"] = true;
  return {.head = std::move(head)};
}

// ---- status

Result<nlohmann::json> KeepLoop::status(bool fresh) {
  auto status = monitor::archive_status(parts_.archive, config_.archive);
  if (!status) return status;
  if (fresh || !around_ || now_ms() - around_->at_ms >= monitor::MetricsPublisher::kEveryMs) look_around();
  (*status)["at_unix_s"] = parts_.clock.unix_s();
  (*status)["archive"].update(around_->archive_totals);
  monitor::add_list_status(*status, parts_.source, keeper_.method(), keeper_.table(), around_->holders);
  monitor::add_keeper_status(*status, {.last = keeper_.last(),
                                       .last_error = last_error(),
                                       .follows_only = why_no_trim_,
                                       .has_pcrs = parts_.pcrs != nullptr,
                                       .stats = stats_,
                                       .now_ms = now_ms(),
                                       .last_writers = writers_.seen()});
  if (parts_.view != nullptr) {
    (*status)["view"] = {{"directory", config_.view},
                         {"mounted", parts_.view->mounted()},
                         {"chain", parts_.view->chain()},
                         {"covers_list", config_.bind}};
    if (!view_error_.empty()) (*status)["view"]["error"] = view_error_;
  }
  return status;
}

void KeepLoop::look_around() {
  around_ = std::make_unique<Around>(
      Around{.at_ms = now_ms(),
             .holders = host::find_holders(parts_.source.directory().path()),
             // A damaged archive has no totals; other parts of the status report the damage.
             .archive_totals = monitor::archive_totals(parts_.archive).value_or(nlohmann::json::object())});
  writers_.saw(around_->holders, parts_.clock.unix_s());
}

Result<std::string> KeepLoop::metrics(bool fresh) {
  IMAKEEP_TRY(const auto& made, status(fresh));
  return monitor::metrics_text(made, IMAKEEP_VERSION);
}

void KeepLoop::publish_if_due() {
  if (now_ms() < parts_.metrics.due_ms()) return;
  const ActivityScope publishing(parts_.activity, "computing the metrics");
  const auto published = parts_.metrics.publish(metrics(false), now_ms());
  parts_.log.state("metrics", published ? "" : "cannot publish metrics: " + describe(published.error()));
}

// ---- messages

// Handles an error of a follow or trim: counts it, logs it if it is new, and returns the outcome for the trigger.
// `busy_before`: count of times in a row that the list was busy before this time.
Outcome KeepLoop::failed(const std::string& event, const Error& error, std::uint32_t busy_before) {
  if (event == "trim") {
    stats_.trim_failed(now_ms(), is_busy(error));
  } else {
    stats_.follow_failed(now_ms(), is_busy(error));
  }
  if (!is_busy(error)) {
    const auto members = error.os_errno == 0 ? nlohmann::json::object() : nlohmann::json{{"errno", error.os_errno}};
    parts_.log.state(event, (is_reboot(error) ? "a reboot or kexec is under way: " : "") + describe(error), members);
    return Outcome::kFailed;
  }
  const std::uint32_t times = busy_before + 1;
  // Logged only at the 1st, 2nd, 4th, 8th time and so on.
  if (std::has_single_bit(times)) {
    const host::Holders holders = host::find_holders(parts_.source.directory().path());
    writers_.saw(holders, parts_.clock.unix_s());
    if (around_) around_->holders = holders;
    parts_.log.say("busy",
                   parts_.source.name() + " is busy: " + describe(holders) +
                       (once_        ? "; run this again when the list is free"
                        : times == 1 ? "; the keeper retries"
                                     : "; tried " + std::to_string(times) + " times"),
                   {{"holders", monitor::json_of(holders)}});
  }
  return Outcome::kBusy;
}

void KeepLoop::say_found() {
  std::set<std::string> found_now;
  for (const keeper::Finding& found : keeper_.last().found) {
    const std::string text =
        "chain " + std::to_string(found.chain) + ": " + std::string(keeper::word(found.diagnosis)) + ": " + found.what;
    found_now.insert(text);
    if (said_.contains(text)) continue;
    nlohmann::json members = monitor::json_of(found);
    const std::string suspects = writers_.suspects(found.diagnosis);
    if (!suspects.empty() && writers_.seen()) members["last_writers"] = monitor::json_of(*writers_.seen());
    parts_.log.say("found", text + suspects, std::move(members));
  }
  said_ = std::move(found_now);
}

void KeepLoop::say_trimmed(const monitor::TrimStory& story) {
  if (story.trimmed.records == 0) {
    parts_.log.state("idle", "nothing was trimmed: " + story.trimmed.why_not);
    return;
  }
  parts_.log.state("idle", "");
  stats_.took_out(story.trimmed.hold_us, story.range ? story.range->bytes : 0);
  parts_.log.say("trimmed", monitor::text_of(story), monitor::json_of(story));
}

void KeepLoop::tell_systemd() {
  const std::string status = "STATUS=" + records_text(keeper_.last().list_records) + " in the list; " +
                             (last_error() ? describe(*last_error()) : std::string("archived"));
  ::sd_notify(0, status.c_str());
}

}  // namespace imakeep::daemon
