// SPDX-License-Identifier: Apache-2.0
#include "daemon/keep_reporter.h"

#include <bit>
#include <cerrno>

#include <nlohmann/json.hpp>
#include <systemd/sd-daemon.h>

#include "base/text.h"
#include "host/holders.h"
#include "monitor/keeper_metrics.h"
#include "monitor/keeper_status.h"
#include "monitor/status_json.h"

namespace imakeep::daemon {
namespace {

using keeper::Outcome;

// During a reboot, Linux answers D and N with ESTALE. Once measurement is suspended, it answers A with EACCES.
bool is_reboot(const Error& error) {
  return error.code == ErrorCode::kRefused && (error.os_errno == ESTALE || error.os_errno == EACCES);
}

}  // namespace

bool is_busy(const Error& error) {
  return error.code == ErrorCode::kEnvironment && error.os_errno == EBUSY;
}

// Results that take long to find out, and the time when the reporter found them.
struct KeepReporter::Around {
  std::int64_t at_ms = 0;
  host::Holders holders;
  std::optional<monitor::ArchiveTotals> archive_totals;
};

KeepReporter::KeepReporter(ReporterParts parts) : parts_(std::move(parts)), stats_(parts_.clock.unix_s()) {}

KeepReporter::~KeepReporter() = default;

host::Holders KeepReporter::find_holders() const {
  return parts_.list_directory.empty() ? host::Holders() : host::find_holders(parts_.list_directory);
}

// ---- what happened

void KeepReporter::followed() {
  parts_.log.state("follow", "");
  stats_.followed();
}

void KeepReporter::trimmed(const monitor::TrimStory& story, std::uint32_t busy_before) {
  parts_.log.state("trim", "");
  parts_.log.state("follow", "");
  if (busy_before > 0) {
    parts_.log.say("free", "the list is free again");
    around_.reset();
  }
  stats_.trim_ended(parts_.clock.unix_s());
  if (story.trimmed.records == 0) {
    parts_.log.state("idle", "nothing was trimmed: " + story.trimmed.why_not);
    return;
  }
  parts_.log.state("idle", "");
  stats_.took_out(story.trimmed.hold_us, story.range ? story.range->bytes : 0);
  parts_.log.say("trimmed", monitor::text_of(story), monitor::json_of(story));
}

Outcome KeepReporter::follow_failed(const Error& error, std::uint32_t busy_before) {
  stats_.follow_failed(now_ms(), is_busy(error));
  return failed("follow", error, busy_before);
}

Outcome KeepReporter::trim_failed(const Error& error, std::uint32_t busy_before) {
  stats_.trim_failed(now_ms(), is_busy(error));
  return failed("trim", error, busy_before);
}

Outcome KeepReporter::failed(const char* event, const Error& error, std::uint32_t busy_before) {
  if (!is_busy(error)) {
    const auto members = error.os_errno == 0 ? nlohmann::json::object() : nlohmann::json{{"errno", error.os_errno}};
    parts_.log.state(event, (is_reboot(error) ? "a reboot or kexec is under way: " : "") + describe(error), members);
    return Outcome::kFailed;
  }
  const std::uint32_t times = busy_before + 1;
  // Logged only at the 1st, 2nd, 4th, 8th time and so on.
  if (std::has_single_bit(times)) {
    const host::Holders holders = find_holders();
    writers_.saw(holders, parts_.clock.unix_s());
    if (around_) around_->holders = holders;
    parts_.log.say("busy",
                   parts_.source.name() + " is busy: " + describe(holders) +
                       (retry_ == Retry::kByUser ? "; run this again when the list is free"
                        : times == 1             ? "; the keeper retries"
                                                 : "; tried " + std::to_string(times) + " times"),
                   {{"holders", monitor::json_of(holders)}});
  }
  return Outcome::kBusy;
}

void KeepReporter::found(const std::vector<keeper::Finding>& all) {
  std::set<std::string> found_now;
  for (const keeper::Finding& found : all) {
    const std::string text = "chain " + std::to_string(found.chain.value()) + ": " +
                             std::string(keeper::word(found.diagnosis)) + ": " + found.what;
    found_now.insert(text);
    if (said_.contains(text)) continue;
    nlohmann::json members = monitor::json_of(found);
    const std::string suspects = writers_.suspects(found.diagnosis);
    if (!suspects.empty() && writers_.seen()) members["last_writers"] = monitor::json_of(*writers_.seen());
    parts_.log.say("found", text + suspects, std::move(members));
  }
  said_ = std::move(found_now);
}

void KeepReporter::covered() {
  const host::Holders holders = find_holders();
  if (holders.holders.empty()) return;
  parts_.log.say("held",
                 "the view covers the list's own files, but some are still open: " + describe(holders) +
                     "; no process can trim until they are closed: restart the holder, so that it opens the view's",
                 {{"holders", monitor::json_of(holders)}});
}

void KeepReporter::tell_systemd(const LoopState& state) {
  const std::string text = "STATUS=" + records_text(state.last.list_records) + " in the list; " +
                           (state.last_error ? describe(*state.last_error) : std::string("archived"));
  ::sd_notify(0, text.c_str());
}

// ---- status and metrics

Result<monitor::Status> KeepReporter::status(const LoopState& state, bool fresh) {
  auto status = monitor::archive_status(parts_.archive, parts_.archive_file, parts_.clock.unix_s());
  if (!status) return status;
  if (fresh || !around_ || now_ms() - around_->at_ms >= monitor::MetricsPublisher::kEveryMs) look_around();
  status->archive.totals = around_->archive_totals;
  status->list = monitor::list_status(parts_.source, state.method, state.table);
  status->holders = monitor::status_of(around_->holders);
  monitor::add_keeper_status(*status, {.last = state.last,
                                       .last_error = state.last_error,
                                       .follows_only = state.why_no_trim,
                                       .has_pcrs = state.has_pcrs,
                                       .stats = stats_,
                                       .now_ms = now_ms(),
                                       .last_writers = writers_.seen()});
  monitor::add_trim_limit(*status, parts_.archive, state.trim_after);
  status->view = state.view;
  return status;
}

void KeepReporter::look_around() {
  around_ = std::make_unique<Around>(Around{.at_ms = now_ms(), .holders = find_holders(), .archive_totals = {}});
  // A damaged archive has no totals; other parts of the status report the damage.
  if (const auto totals = monitor::archive_totals(parts_.archive)) around_->archive_totals = *totals;
  writers_.saw(around_->holders, parts_.clock.unix_s());
}

Result<std::string> KeepReporter::metrics(const LoopState& state, bool fresh) {
  IMAKEEP_TRY(const auto& made, status(state, fresh));
  return monitor::metrics_text(made, IMAKEEP_VERSION);
}

void KeepReporter::publish(const LoopState& state) {
  const auto published = parts_.metrics.publish(metrics(state, false), now_ms());
  parts_.log.state("metrics", published ? "" : "cannot publish metrics: " + describe(published.error()));
}

}  // namespace imakeep::daemon
