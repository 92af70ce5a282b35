// SPDX-License-Identifier: Apache-2.0
#include "monitor/keeper_metrics.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <vector>

#include "keeper/diagnosis.h"

namespace imakeep::monitor {
namespace {

constexpr std::array kAllDiagnoses = {
    keeper::Diagnosis::kTrimmedByOther,     keeper::Diagnosis::kKexecDropped,
    keeper::Diagnosis::kHeadless,           keeper::Diagnosis::kGap,
    keeper::Diagnosis::kAlteredRecord,      keeper::Diagnosis::kFailedExtend,
    keeper::Diagnosis::kUnexplainedExtend,  keeper::Diagnosis::kGapOrExtend,
    keeper::Diagnosis::kArchiveAhead,       keeper::Diagnosis::kUnreadPcr,
    keeper::Diagnosis::kMeasuredWithoutTpm, keeper::Diagnosis::kStartNotZero,
    keeper::Diagnosis::kConcurrentChange,
};

std::string seconds(std::int64_t count, std::int64_t per_second) {
  char text[32];
  std::snprintf(text, sizeof text, "%.9g", static_cast<double>(count) / static_cast<double>(per_second));
  return text;
}

// A value as the format shows it, or empty if it is not known.
using Value = std::optional<std::string>;

template <class T>
Value value_of(const std::optional<T>& number) {
  return number ? Value(std::to_string(*number)) : std::nullopt;
}

// The value that `get` takes from a part of the status; empty if the status lacks the part.
template <class Part, class Get>
Value value_in(const std::optional<Part>& part, const Get& get) {
  return part ? Value(std::to_string(get(*part))) : std::nullopt;
}
template <class Get>
Value look_value(const Status& status, const Get& get) {
  return status.keeper ? value_in(status.keeper->look, get) : std::nullopt;
}

// A metric whose value is a single number of the status.
struct Plain {
  const char* name;
  const char* type;
  Value (*value)(const Status& status);
  const char* help;
};

constexpr std::array kPlain{
    Plain{"imakeep_updated_timestamp_seconds", "gauge",
          [](const Status& status) { return Value(std::to_string(status.at_unix_s)); },
          "Time when these numbers were collected."},
    Plain{"imakeep_archive_records", "gauge",
          [](const Status& status) { return Value(std::to_string(status.archive.records)); },
          "Records in the archive, in all chains."},
    Plain{"imakeep_archive_payload_bytes", "gauge",
          [](const Status& status) {
            return value_in(status.archive.totals, [](const auto& of) { return of.payload_bytes; });
          },
          "Uncompressed size of these records."},
    Plain{"imakeep_archive_violations", "gauge",
          [](const Status& status) {
            return value_in(status.archive.totals, [](const auto& of) { return of.violations; });
          },
          "Violations in the archive, including those among retired records."},
    Plain{"imakeep_archive_chains", "gauge",
          [](const Status& status) { return Value(std::to_string(status.archive.chains)); }, "Chains in the archive."},
    Plain{"imakeep_archive_file_bytes", "gauge",
          [](const Status& status) { return Value(std::to_string(status.archive.file_bytes)); },
          "Size of the archive's files."},
    Plain{"imakeep_archive_filesystem_free_bytes", "gauge",
          [](const Status& status) { return value_of(status.archive.free_bytes); },
          "Free space on the archive's file system."},
    Plain{"imakeep_archive_filesystem_size_bytes", "gauge",
          [](const Status& status) { return value_of(status.archive.filesystem_bytes); },
          "Size of the archive's file system."},
    Plain{"imakeep_chain", "gauge",
          [](const Status& status) { return value_in(status.chain, [](const auto& of) { return of.chain.value(); }); },
          "Number of the current chain."},
    Plain{"imakeep_chain_records_total", "counter",
          [](const Status& status) { return value_in(status.chain, [](const auto& of) { return of.end; }); },
          "Records that the chain ever had."},
    Plain{"imakeep_proven_records", "gauge",
          [](const Status& status) { return value_in(status.chain, [](const auto& of) { return of.proven.records; }); },
          "Number of the record before which the chain's records are proven."},
    Plain{"imakeep_last_proof_timestamp_seconds", "gauge",
          [](const Status& status) {
            return value_in(status.chain, [](const auto& of) { return of.proven.last_unix_s; });
          },
          "Time when the PCRs last proved the list; 0 for never."},
    Plain{
        "imakeep_trimmed_records_total", "counter",
        [](const Status& status) { return value_in(status.chain, [](const auto& of) { return of.trimmed.records; }); },
        "Records of the chain that imakeep trimmed."},
    Plain{"imakeep_trims_total", "counter",
          [](const Status& status) { return value_in(status.chain, [](const auto& of) { return of.trimmed.times; }); },
          "Trims of the chain by imakeep."},
    Plain{"imakeep_last_trim_timestamp_seconds", "gauge",
          [](const Status& status) {
            return value_in(status.chain, [](const auto& of) { return of.trimmed.last_unix_s; });
          },
          "Time when imakeep last trimmed records; 0 for never."},
    Plain{"imakeep_trimmed_by_others_records_total", "counter",
          [](const Status& status) {
            return value_in(status.chain, [](const auto& of) { return of.trimmed.records_by_others; });
          },
          "Archived records of the chain that others deleted from the list."},
    Plain{"imakeep_trims_by_others_total", "counter",
          [](const Status& status) {
            return value_in(status.chain, [](const auto& of) { return of.trimmed.times_by_others; });
          },
          "Times that imakeep found records deleted by others."},
    Plain{"imakeep_list_records", "gauge",
          [](const Status& status) { return look_value(status, [](const auto& of) { return of.list_records; }); },
          "Records in the list when the keeper last read it, including staged ones."},
    Plain{"imakeep_list_staged_records", "gauge",
          [](const Status& status) { return look_value(status, [](const auto& of) { return of.staged_records; }); },
          "Staged records in the list when the keeper last read it."},
    Plain{"imakeep_list_lag_records", "gauge",
          [](const Status& status) { return look_value(status, [](const auto& of) { return of.lag; }); },
          "Records in the list that the PCRs did not cover yet when the keeper last read it."},
    Plain{"imakeep_list_current_records", "gauge",
          [](const Status& status) { return status.list ? value_of(status.list->current_records) : std::nullopt; },
          "Records in the current list, without staged ones, as the kernel counts them."},
    Plain{"imakeep_list_violations_total", "counter",
          [](const Status& status) { return status.list ? value_of(status.list->violations) : std::nullopt; },
          "Violations since the kernel started, as the kernel counts them."},
    Plain{"imakeep_list_busy_total", "counter",
          [](const Status& status) { return value_in(status.keeper, [](const auto& of) { return of.busy; }); },
          "Attempts that found the list busy (EBUSY)."},
    Plain{"imakeep_list_busy_seconds", "gauge",
          [](const Status& status) {
            return status.keeper ? Value(seconds(status.keeper->busy_ms, 1000)) : std::nullopt;
          },
          "Time for which every attempt found the list busy; 0 if the last one did not."},
    Plain{"imakeep_trimmed_bytes_total", "counter",
          [](const Status& status) { return value_in(status.keeper, [](const auto& of) { return of.trimmed_bytes; }); },
          "Size of the trimmed records in the binary list, since the keeper started."},
    Plain{"imakeep_last_trim_end_timestamp_seconds", "gauge",
          [](const Status& status) {
            return value_in(status.keeper, [](const auto& of) { return of.trim_ended_unix_s; });
          },
          "Time when a trim last succeeded, even if it had nothing to trim; 0 for never."},
    Plain{"imakeep_trim_overdue_seconds", "gauge",
          [](const Status& status) {
            return status.keeper ? Value(seconds(status.keeper->trim_overdue_ms, 1000)) : std::nullopt;
          },
          "Time for which every due trim failed; 0 if the last one succeeded."},
    Plain{
        "imakeep_start_timestamp_seconds", "gauge",
        [](const Status& status) { return value_in(status.keeper, [](const auto& of) { return of.started_unix_s; }); },
        "Time when the keeper started."},
};

// Returns label="value", with the value escaped.
std::string label(const char* name, const std::string& value) {
  std::string text = std::string(name) + "=\"";
  for (const char c : value) {
    if (c == '\\' || c == '"') text += '\\';
    text += c == '\n' ? std::string("\\n") : std::string(1, c);
  }
  return text + '"';
}

class Exposition {
 public:
  void family(const std::string& name, const char* type, const char* help) {
    name_ = name;
    text_ += "# HELP " + name + " " + help + "\n# TYPE " + name + " " + type + "\n";
  }
  // `suffix` is appended to the name; the parts of a histogram have one.
  void sample(const std::string& labels, const std::string& value, const char* suffix = "") {
    text_ += name_ + suffix + (labels.empty() ? "" : "{" + labels + "}") + " " + value + "\n";
  }
  std::string take() { return std::move(text_); }

 private:
  std::string name_;
  std::string text_;
};

void add_plain(Exposition& text, const Status& status) {
  for (const Plain& metric : kPlain) {
    const Value value = metric.value(status);
    if (!value) continue;
    text.family(metric.name, metric.type, metric.help);
    text.sample("", *value);
  }
}

void add_info(Exposition& text, const Status& status, const std::string& version) {
  text.family("imakeep_build_info", "gauge", "1, labeled with the version of imakeep.");
  text.sample(label("version", version), "1");
  if (!status.list) return;
  text.family("imakeep_keeper_info", "gauge", "1, labeled with the trim method and the mode of the table of digests.");
  const std::string method = status.list->method.empty() ? "none" : status.list->method;
  text.sample(label("method", method) + "," + label("table", status.list->table), "1");
}

void add_pcrs(Exposition& text, const Status& status) {
  text.family("imakeep_pcrs_state", "gauge",
              "1 for the state of the list compared with the PCRs, 0 for the other states.");
  for (const PcrsState known : kAllPcrsStates) {
    const char* value = status.pcrs.state == known ? "1" : "0";
    text.sample(label("state", std::string(word(known))), value);
    if (const auto former = former_word(known)) text.sample(label("state", std::string(*former)), value);
  }
}

void add_unproven(Exposition& text, const std::optional<ChainStatus>& chain) {
  if (!chain) return;
  text.family("imakeep_unproven_records", "gauge", "Archived records at the chain's end that are not proven.");
  text.sample("", std::to_string(chain->end - std::min(chain->end, chain->proven.records)));
  std::uint64_t broken = 0;
  for (const BrokenRange& range : chain->broken) broken += range.end - range.first;
  text.family("imakeep_broken_records", "gauge", "Archived records of the chain that will never be proven.");
  text.sample("", std::to_string(broken));
}

// Adds a sample for every diagnosis, even at 0, so that the first incident is visible as an increase. A renamed
// diagnosis also has one under its former word. Adds one for every other kind that `counts` holds.
void add_by_kind(Exposition& text, const std::map<std::string, std::uint64_t>& counts, const char* label_name) {
  std::map<std::string, std::uint64_t> others = counts;
  for (const keeper::Diagnosis diagnosis : kAllDiagnoses) {
    const std::string kind(keeper::word(diagnosis));
    const auto counted = others.extract(kind);
    const std::string count = std::to_string(counted.empty() ? 0 : counted.mapped());
    text.sample(label(label_name, kind), count);
    if (const auto former = keeper::former_word(diagnosis)) text.sample(label(label_name, std::string(*former)), count);
  }
  for (const auto& [kind, count] : others) text.sample(label(label_name, kind), std::to_string(count));
}

void add_diagnoses(Exposition& text, const Status& status) {
  text.family("imakeep_incidents_total", "counter", "Incidents recorded in the archive, in all chains.");
  add_by_kind(text, status.incident_counts, "kind");
  if (!status.keeper || !status.keeper->look) return;
  text.family("imakeep_found", "gauge", "Findings of each diagnosis at the last look at the list.");
  add_by_kind(text, status.keeper->look->found, "diagnosis");
}

void add_verifiers(Exposition& text, const Status& status) {
  if (!status.verifiers) return;
  text.family("imakeep_verifiers", "gauge", "Registered verifiers.");
  text.sample("", std::to_string(status.verifiers->size()));
  if (status.verifiers->empty()) return;
  text.family("imakeep_verifier_records", "gauge",
              "Number of the record before which the verifier has proven the chain's records.");
  for (const VerifierStatus& verifier : *status.verifiers) {
    text.sample(label("verifier", verifier.name), std::to_string(verifier.records));
  }
  text.family("imakeep_verifier_last_timestamp_seconds", "gauge",
              "Time when the verifier last said what it has proven; 0 for never.");
  for (const VerifierStatus& verifier : *status.verifiers) {
    text.sample(label("verifier", verifier.name), std::to_string(verifier.last_unix_s));
  }
}

void add_pending(Exposition& text, const Status& status) {
  const std::optional<PendingStatus>& pending = status.pending;
  const std::int64_t age_s = pending ? status.at_unix_s - pending->since_unix_s : 0;
  text.family("imakeep_pending_records", "gauge", "Records of the pending trim.");
  text.sample("", std::to_string(pending ? pending->records : 0));
  text.family("imakeep_pending_age_seconds", "gauge", "Age of the pending trim; 0 without one.");
  text.sample("", std::to_string(std::max<std::int64_t>(age_s, 0)));
}

void add_holders(Exposition& text, const std::optional<std::vector<HolderStatus>>& holders) {
  if (!holders) return;
  const auto writers = std::ranges::count_if(*holders, &HolderStatus::writes);
  text.family("imakeep_list_holders", "gauge",
              "Files of the list that processes have open, by access; at most 50 are counted.");
  text.sample(label("access", "read"), std::to_string(std::ssize(*holders) - writers));
  text.sample(label("access", "write"), std::to_string(writers));
}

void add_keeper(Exposition& text, const std::optional<KeeperStatus>& keeper) {
  if (!keeper) return;
  text.family("imakeep_follows_only", "gauge", "1 if the keeper only archives records and never trims.");
  text.sample("", keeper->follows_only.empty() ? "0" : "1");
  text.family("imakeep_held_back_records", "gauge",
              "Archived records in the list that no trim may delete because a verifier has not proven them.");
  text.sample("", std::to_string(keeper->held_back_records));
  text.family("imakeep_failures_total", "counter", "Failed operations, except those that found the list busy.");
  text.sample(label("operation", "follow"), std::to_string(keeper->failed_follows));
  text.sample(label("operation", "trim"), std::to_string(keeper->failed_trims));
  const HoldsStatus& holds = keeper->holds;
  const std::string times = std::to_string(holds.times);
  text.family("imakeep_trim_hold_seconds", "histogram", "Time for which a trim held the list for writing.");
  for (const auto& [us, no_longer] : holds.at_most) {
    text.sample(label("le", seconds(us, 1'000'000)), std::to_string(no_longer), "_bucket");
  }
  text.sample(label("le", "+Inf"), times, "_bucket");
  text.sample("", seconds(holds.us, 1'000'000), "_sum");
  text.sample("", times, "_count");
}

void add_view(Exposition& text, const std::optional<ViewStatus>& view) {
  if (!view) return;
  text.family("imakeep_view_complete", "gauge", "1 if the view shows the whole list, 0 if it cannot.");
  text.sample("", view->error.empty() ? "1" : "0");
}

}  // namespace

std::string metrics_text(const Status& status, const std::string& version) {
  Exposition text;
  add_info(text, status, version);
  add_plain(text, status);
  add_pcrs(text, status);
  add_unproven(text, status.chain);
  add_verifiers(text, status);
  add_diagnoses(text, status);
  add_pending(text, status);
  add_view(text, status.view);
  add_holders(text, status.holders);
  add_keeper(text, status.keeper);
  return text.take();
}

}  // namespace imakeep::monitor
