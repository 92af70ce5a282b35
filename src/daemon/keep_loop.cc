// SPDX-License-Identifier: Apache-2.0
#include "daemon/keep_loop.h"

#include <poll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <limits>
#include <thread>

#include <nlohmann/json.hpp>
#include <systemd/sd-daemon.h>

#include "base/text.h"
#include "control/message.h"
#include "host/memory_pressure.h"
#include "monitor/keeper_status.h"

namespace imakeep::daemon {
namespace {

using keeper::Diagnosis;
using keeper::Next;
using keeper::Outcome;

// How often the last look is repeated while the list is busy.
constexpr int kLastLooks = 10;
constexpr std::chrono::milliseconds kBetweenLastLooks{100};

bool changed_meanwhile(const keeper::FollowResult& followed) {
  return std::ranges::find(followed.found, Diagnosis::kConcurrentChange, &keeper::Finding::diagnosis) !=
         followed.found.end();
}

// The first read of the list may take longer than TimeoutStartSec=, so the loop asks for more time while it reads.
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
      reporter_({.source = parts.source,
                 .archive = parts.archive,
                 .clock = parts.clock,
                 .log = parts.log,
                 .metrics = parts.metrics,
                 .archive_file = config_.archive,
                 .list_directory = parts.list_directory}) {}

KeepLoop::~KeepLoop() = default;

std::string KeepLoop::why_no_trim() const {
  if (const auto method = keeper_.method(); !method) return method.error().message;
  if (parts_.pcrs != nullptr || config_.unproven) return {};
  return "no PCRs prove the records: the keeper only archives them, and trims only with --unproven";
}

keeper::KeeperOptions KeepLoop::keeper_options(keeper::TableMode table) {
  return {.method = config_.method,
          .unproven = config_.unproven,
          .trim_after = config_.trim_after,
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
  reporter_.begins();
  const auto followed = keeper_.follow();
  follow_error_.reset();
  if (!followed) {
    follow_error_ = followed.error();
    trigger_.followed(now_ms(), reporter_.follow_failed(followed.error(), trigger_.busy_follows()));
    if (parts_.view != nullptr && !placed_) {
      say_view(
          "waiting until the keeper has read the list once, because the archived records may be of an earlier boot");
    }
    return unexpected(followed.error());
  }
  reporter_.followed();
  reporter_.found(followed->found);
  show();
  trigger_.list_is(followed->list_records, parts_.source.bytes_seen());
  trigger_.followed(now_ms(), Outcome::kDone, followed->lag > 0 || changed_meanwhile(*followed));
  return {};
}

Result<keeper::TrimResult> KeepLoop::trim() {
  const ActivityScope trimming(parts_.activity, "trimming the list " + parts_.source.name());
  reporter_.begins();
  const std::uint32_t busy_before = trigger_.busy_trims();
  const auto before = keeper::ChainState::load(parts_.archive);
  auto trimmed = keeper_.trim();
  trim_error_.reset();
  reporter_.found(keeper_.last().found);
  show();
  if (!trimmed) {
    trim_error_ = trimmed.error();
    trigger_.list_is(keeper_.last().list_records, parts_.source.bytes_seen());
    trigger_.trimmed(now_ms(), reporter_.trim_failed(trimmed.error(), busy_before));
    return trimmed;
  }
  reporter_.trimmed(monitor::trim_story(*trimmed, keeper_.last().list_records, before.value_or(std::nullopt),
                                        parts_.archive, parts_.source.bank().digest_bytes()),
                    busy_before);
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
  placed_ = placed_ || (last.chain && (last.archived > 0 || !changed_meanwhile(last)));
  // Until the list is placed, the archive's last chain may be the list of an earlier boot.
  if (!placed_) return;
  const auto covered = parts_.view->show(parts_.archive, parts_.source.banks());
  if (const int replaced = parts_.view->replaced_mounters(); replaced != std::exchange(replaced_mounters_, replaced)) {
    parts_.log.say("mounts", "the mount child ended or did not answer; the keeper started another one");
  }
  say_view(covered ? parts_.view->damage() : describe(covered.error()));
  if (covered && *covered) reporter_.covered();
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
  reporter_.set_retry(Retry::kByUser);
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
  reporter_.tell_systemd(state());
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
  wanted.requests.answer_all([this](const control::Message& request) { return answer_request(request, *this); });
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

// ---- what others ask for

LoopState KeepLoop::state() const {
  LoopState state{.last = keeper_.last(),
                  .last_error = last_error(),
                  .method = keeper_.method(),
                  .table = keeper_.table(),
                  .why_no_trim = why_no_trim_,
                  .has_pcrs = parts_.pcrs != nullptr,
                  .trim_after = config_.trim_after,
                  .view = {}};
  if (parts_.view != nullptr) {
    state.view = monitor::ViewStatus{.directory = config_.view,
                                     .mounted = parts_.view->mounted(),
                                     .chain = parts_.view->chain(),
                                     .covers_list = config_.bind,
                                     .error = view_error_};
  }
  return state;
}

void KeepLoop::publish_if_due() {
  if (now_ms() < parts_.metrics.due_ms()) return;
  const ActivityScope publishing(parts_.activity, "computing the metrics");
  reporter_.publish(state());
}

Result<keeper::FollowResult> KeepLoop::follow_now() {
  IMAKEEP_CHECK(follow());
  return keeper_.last();
}

Result<KeepOperations::Trimmed> KeepLoop::trim_now() {
  if (!why_no_trim_.empty()) return fail(ErrorCode::kUnsupported, why_no_trim_);
  IMAKEEP_TRY(const auto& trimmed, trim());
  return Trimmed{.result = trimmed, .list_records = keeper_.last().list_records};
}

Result<bool> KeepLoop::verified(const std::string& verifier, archive::ChainId chain, std::uint64_t records,
                                const std::optional<archive::AcceptedQuote>& quote) {
  auto is_new = parts_.archive.acknowledge(verifier, chain, records, parts_.clock.unix_s(), quote);
  if (is_new && *is_new) {
    parts_.log.say("verifier",
                   "verifier " + verifier + " is new; it has proven " + records_text(records) + " of chain " +
                       std::to_string(chain.value()),
                   {{"verifier", verifier}, {"chain", chain.value()}, {"records", records}});
  }
  return is_new;
}

Result<KeepOperations::Verifiers> KeepLoop::tell_verifiers() {
  IMAKEEP_TRY(const auto& chain, parts_.archive.host_chain());
  IMAKEEP_TRY(auto verifiers, parts_.archive.verifiers(chain ? chain->chain : archive::kNoChain));
  return Verifiers{.chain = chain ? std::optional(chain->chain) : std::nullopt, .verifiers = std::move(verifiers)};
}

Result<void> KeepLoop::remove_verifier(const std::string& verifier) {
  IMAKEEP_CHECK(parts_.archive.remove_verifier(verifier));
  parts_.log.say("verifier", "verifier " + verifier + " was removed", {{"verifier", verifier}});
  return {};
}

}  // namespace imakeep::daemon
