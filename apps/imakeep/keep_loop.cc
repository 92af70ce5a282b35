#include "keep_loop.h"

#include <poll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <csignal>
#include <limits>

#include <systemd/sd-daemon.h>

#include "holders.h"
#include "keeper_metrics.h"
#include "keeper_status.h"
#include "memory_pressure.h"

namespace imakeep::app {
namespace {

using keeper::Diagnosis;
using keeper::Next;
using keeper::Outcome;

bool is_busy(const Error& error) {
  return error.code == ErrorCode::kEnvironment && error.os_errno == EBUSY;
}

// Linux's D and N during a reboot, A once measuring is suspended.
bool is_reboot(const Error& error) {
  return error.code == ErrorCode::kRefused && (error.os_errno == ESTALE || error.os_errno == EACCES);
}

std::string records_text(std::uint64_t records) {
  return std::to_string(records) + (records == 1 ? " record" : " records");
}

bool unsettled(const keeper::Followed& followed) {
  return std::ranges::find(followed.found, Diagnosis::kUnsettled, &keeper::Found::diagnosis) != followed.found.end();
}

// A first reading may take longer than TimeoutStartSec=: it says so as it goes on.
constexpr const char* kMoreTimeToStart = "EXTEND_TIMEOUT_USEC=60000000";

}  // namespace

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

std::string KeepLoop::why_no_trim() const {
  if (const auto method = keeper_.method(); !method) return method.error().message;
  if (parts_.pcrs != nullptr || config_.unproven) return {};
  return "no PCRs prove the records: they are archived only, and taken out with --unproven";
}

keeper::KeeperOptions KeepLoop::keeper_options(keeper::TableMode table) {
  return {.method = config_.method,
          .unproven = config_.unproven,
          .table = table,
          .progress = [this](std::uint64_t records) {
            if (watchdog_ms_ > 0) ::sd_notify(0, "WATCHDOG=1");
            if (!ready_) ::sd_notify(0, kMoreTimeToStart);
            if (progress_) progress_->at(records);
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
                                (why_no_trim_.empty() ? ", method " + std::string(method_word(*method)) : ""));
  if (!why_no_trim_.empty()) parts_.log.say("follows-only", why_no_trim_);
}

// ---- the two things that are done to a list

Result<void> KeepLoop::follow() {
  parts_.metrics.changed();
  const auto followed = keeper_.follow();
  follow_error_.reset();
  if (!followed) {
    follow_error_ = followed.error();
    trigger_.followed(now_ms(), failed("follow", followed.error(), trigger_.busy_follows()));
    if (parts_.view != nullptr && !placed_) {
      say_view("it waits until the list was read once: what is archived may be of an earlier boot");
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

Result<keeper::Trimmed> KeepLoop::trim() {
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
  say_trimmed(trim_story(*trimmed, keeper_.last().list_records, before.value_or(std::nullopt), parts_.archive,
                         parts_.source.bank().digest_bytes()));
  trigger_.list_is(keeper_.last().list_records, trimmed->records > 0 ? 0 : parts_.source.bytes_seen());
  trigger_.trimmed(now_ms(), trimmed->records > 0 ? Outcome::kDone : Outcome::kNothing);
  return trimmed;
}

// Whoever reads the view sees what was archived just now.
void KeepLoop::show() {
  if (parts_.view == nullptr) return;
  looked();
  const keeper::Followed& last = keeper_.last();
  placed_ = placed_ || (last.chain && (last.archived > 0 || !unsettled(last)));
  // Before that what is archived may be the list of an earlier boot.
  if (!placed_) return;
  const auto covered = parts_.view->show(parts_.archive, parts_.source.banks());
  say_view(covered ? parts_.view->damage() : describe(covered.error()));
  if (!covered || !*covered) return;
  const Holders holders = find_holders(parts_.source.directory().path());
  if (holders.holders.empty()) return;
  parts_.log.say("held",
                 "the list's own files are covered, but still open: " + describe(holders) +
                     "; nothing can be taken out until that ends: restart it, and it opens the view's",
                 {{"holders", json_of(holders)}});
}

void KeepLoop::say_view(const std::string& error) {
  view_error_ = error;
  parts_.log.state("view", error.empty() ? "" : "the view: " + error);
}

// What the list held when it was looked at last, for readers of the view who would wait for more.
void KeepLoop::looked() {
  if (catch_up() == nullptr) return;
  const keeper::Followed& last = keeper_.last();
  const bool settled = last.lag == 0 && !last_error();
  catch_up()->looked(settled ? std::optional(last.list_records - last.staged_records) : std::nullopt);
}

void KeepLoop::take_catch_up() {
  const std::uint64_t taken = catch_up()->take();
  (void)follow();  // what fails is said, and due again later
  catch_up()->done(taken);
}

// ---- once, and for good

int KeepLoop::once() {
  once_ = true;
  progress_.emplace("reading the list", parts_.source.count().value_or(0));
  Result<void> done;
  if (why_no_trim_.empty()) {
    if (const auto trimmed = trim(); !trimmed) done = unexpected(trimmed.error());
  } else {
    done = follow();
  }
  progress_.reset();
  publish_if_due();
  // What failed was said already.
  if (!done) return exit_code(done.error());
  return std::ranges::any_of(keeper_.last().found, does_not_fit) ? kNotAsItShouldBe : kDone;
}

void KeepLoop::run(int signals, RequestQueue& requests) {
  std::uint64_t watchdog_us = 0;
  if (::sd_watchdog_enabled(0, &watchdog_us) > 0) watchdog_ms_ = static_cast<std::int64_t>(watchdog_us / 1000);
  watch_pressure();
  publish_if_due();
  progress_.emplace("reading the list", parts_.source.count().value_or(0));
  while (!stopping_) {
    step();
    progress_.reset();
    // Who waits for the keeper finds the view.
    if (!std::exchange(ready_, true)) ::sd_notify(0, "READY=1");
    publish_if_due();
    if (watchdog_ms_ > 0) ::sd_notify(0, "WATCHDOG=1");
    wait(signals, requests);
  }
  end();
  requests.close();
  parts_.metrics.end();
}

void KeepLoop::step() {
  if (const auto count = parts_.source.count()) {
    trigger_.count_is(*count);
    parts_.log.state("count", "");
  } else {
    parts_.log.state("count", describe(count.error()));
  }
  switch (trigger_.next(now_ms())) {
    case Next::kFollow:
      (void)follow();  // what fails is said, and due again later
      break;
    case Next::kTrim:
      (void)trim();
      break;
    case Next::kWait:
      return;
  }
  tell_systemd();
}

void KeepLoop::wait(int signals, RequestQueue& requests) {
  const std::int64_t now = now_ms();
  std::int64_t wait_ms = trigger_.wake_at_ms(now) - now;
  if (watchdog_ms_ > 0) wait_ms = std::min(wait_ms, watchdog_ms_ / 2);
  wait_ms = std::clamp<std::int64_t>(parts_.metrics.due_ms() - now, 0, wait_ms);
  pollfd events[] = {{.fd = signals, .events = POLLIN, .revents = 0},
                     {.fd = requests.descriptor(), .events = POLLIN, .revents = 0},
                     {.fd = pressure_.valid() ? pressure_.get() : -1, .events = POLLPRI, .revents = 0},
                     {.fd = catch_up() != nullptr ? catch_up()->descriptor() : -1, .events = POLLIN, .revents = 0}};
  const int most = std::numeric_limits<int>::max();
  if (::poll(events, std::size(events), static_cast<int>(std::min<std::int64_t>(wait_ms, most))) <= 0) return;
  if ((events[0].revents & POLLIN) != 0) take_signals(signals);
  if ((events[2].revents & POLLERR) != 0) {
    pressure_ = UniqueFd();
  } else if ((events[2].revents & POLLPRI) != 0) {
    take_pressure();
  }
  if ((events[3].revents & POLLIN) != 0) take_catch_up();
  if ((events[1].revents & POLLIN) == 0) return;
  for (RequestQueue::Waiting& waiting : requests.take()) waiting.answer.set_value(answer(waiting.request));
}

void KeepLoop::take_signals(int signals) {
  signalfd_siginfo signal{};
  while (::read(signals, &signal, sizeof signal) == sizeof signal) {
    if (signal.ssi_signo != SIGUSR1) {
      stopping_ = true;
    } else if (why_no_trim_.empty()) {
      parts_.log.say("asked", "asked by a signal to take records out");
      trigger_.asked();
    } else {
      parts_.log.say("asked", "asked by a signal to take records out, but " + why_no_trim_);
    }
  }
}

void KeepLoop::watch_pressure() {
  if (config_.pressure_percent == 0 || !why_no_trim_.empty()) return;
  auto watched = watch_memory_pressure(config_.pressure_percent);
  if (watched) {
    pressure_ = std::move(*watched);
  } else {
    parts_.log.say("no-pressure", "memory pressure is not watched: " + watched.error().message +
                                      "; --pressure off says that this is all right");
  }
}

void KeepLoop::take_pressure() {
  parts_.log.say("pressure", "memory is short");
  trigger_.memory_is_short();
}

// What came in last is archived, and taken out so that a kexec finds room.
void KeepLoop::end() {
  ::sd_notify(0, "STOPPING=1");
  parts_.log.say("ending", "ending");
  if (config_.trim_at_exit && why_no_trim_.empty()) {
    (void)trim();
  } else {
    (void)follow();
  }
}

// ---- who asks

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
    return {.head = {{"ok", true}, {"content_type", kMetricsContentType}},
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
    head = json_of(*trimmed);
    head["list_records"] = keeper_.last().list_records;
  } else {
    return refusal({.code = ErrorCode::kUsage,
                    .message = "a keeper has no operation '" + name + "'; there are status, follow, trim and metrics"});
  }
  head["ok"] = true;
  return {.head = std::move(head)};
}

// ---- how it stands

Result<nlohmann::json> KeepLoop::status(bool fresh) {
  auto status = archive_status(parts_.archive, config_.archive);
  if (!status) return status;
  if (fresh || !around_ || now_ms() - around_->at_ms >= MetricsPublisher::kEveryMs) look_around();
  (*status)["at_unix_s"] = parts_.clock.unix_s();
  (*status)["archive"].update(around_->archive_totals);
  add_list_status(*status, parts_.source, keeper_.method(), keeper_.table(), around_->holders);
  add_keeper_status(*status, {.last = keeper_.last(),
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
  around_ = Around{.at_ms = now_ms(),
                   .holders = find_holders(parts_.source.directory().path()),
                   // A damaged archive has none; what is wrong with it others say.
                   .archive_totals = archive_totals(parts_.archive).value_or(nlohmann::json::object())};
  writers_.saw(around_->holders, parts_.clock.unix_s());
}

Result<std::string> KeepLoop::metrics(bool fresh) {
  const auto made = status(fresh);
  if (!made) return unexpected(made.error());
  return metrics_text(*made, IMAKEEP_VERSION);
}

void KeepLoop::publish_if_due() {
  if (now_ms() < parts_.metrics.due_ms()) return;
  const auto published = parts_.metrics.publish(metrics(false), now_ms());
  parts_.log.state("metrics", published ? "" : "no metrics: " + describe(published.error()));
}

// ---- what is said

// An error of a follow or trim: says it if that is new, and what to make of it. `busy_before`: how often in a row the
// list was busy before this time.
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
  // Said at the 1st, 2nd, 4th, 8th time.
  if (std::has_single_bit(times)) {
    const Holders holders = find_holders(parts_.source.directory().path());
    writers_.saw(holders, parts_.clock.unix_s());
    if (around_) around_->holders = holders;
    parts_.log.say("busy",
                   parts_.source.name() + " is busy: " + describe(holders) +
                       (once_        ? "; run again once that is over"
                        : times == 1 ? "; it is tried again"
                                     : "; tried " + std::to_string(times) + " times"),
                   {{"holders", json_of(holders)}});
  }
  return Outcome::kBusy;
}

void KeepLoop::say_found() {
  std::set<std::string> found_now;
  for (const keeper::Found& found : keeper_.last().found) {
    const std::string text =
        "chain " + std::to_string(found.chain) + ": " + std::string(keeper::word(found.diagnosis)) + ": " + found.what;
    found_now.insert(text);
    if (said_.contains(text)) continue;
    nlohmann::json members = json_of(found);
    const std::string suspects = writers_.suspects(found.diagnosis);
    if (!suspects.empty() && writers_.seen()) members["last_writers"] = json_of(*writers_.seen());
    parts_.log.say("found", text + suspects, std::move(members));
  }
  said_ = std::move(found_now);
}

void KeepLoop::say_trimmed(const TrimStory& story) {
  if (story.trimmed.records == 0) {
    parts_.log.state("idle", "nothing was taken out: " + story.trimmed.why_not);
    return;
  }
  parts_.log.state("idle", "");
  stats_.took_out(story.trimmed.hold_us, story.range ? story.range->bytes : 0);
  parts_.log.say("trimmed", text_of(story), json_of(story));
}

void KeepLoop::tell_systemd() {
  const std::string status = "STATUS=" + records_text(keeper_.last().list_records) + " in the list; " +
                             (last_error() ? describe(*last_error()) : std::string("archived"));
  ::sd_notify(0, status.c_str());
}

}  // namespace imakeep::app
