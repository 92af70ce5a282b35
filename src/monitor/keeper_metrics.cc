// SPDX-License-Identifier: Apache-2.0
#include "monitor/keeper_metrics.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <vector>

#include <nlohmann/json.hpp>

#include "keeper/diagnosis.h"
#include "monitor/keeper_status.h"

namespace imakeep::monitor {
namespace {

using nlohmann::json;

constexpr std::array kAllDiagnoses = {
    keeper::Diagnosis::kTrimmedByOther,     keeper::Diagnosis::kKexecDropped,
    keeper::Diagnosis::kHeadless,           keeper::Diagnosis::kGap,
    keeper::Diagnosis::kAlteredRecord,      keeper::Diagnosis::kFailedExtend,
    keeper::Diagnosis::kUnexplainedExtend,  keeper::Diagnosis::kGapOrExtend,
    keeper::Diagnosis::kArchiveAhead,       keeper::Diagnosis::kUnreadPcr,
    keeper::Diagnosis::kMeasuredWithoutTpm, keeper::Diagnosis::kStartNotZero,
    keeper::Diagnosis::kConcurrentChange,
};

enum class Unit : std::uint8_t {
  kAsItIs,
  kMilliseconds,  // converted to seconds
};

// A metric whose value is a single number of the status.
struct Plain {
  const char* name;
  const char* type;
  const char* pointer;  // JSON pointer, RFC 6901
  const char* help;
  Unit unit = Unit::kAsItIs;
};

constexpr std::array kPlain{
    Plain{"imakeep_updated_timestamp_seconds", "gauge", "/at_unix_s", "Time when these numbers were collected."},
    Plain{"imakeep_archive_records", "gauge", "/archive/records", "Records in the archive, in all chains."},
    Plain{"imakeep_archive_payload_bytes", "gauge", "/archive/payload_bytes", "Uncompressed size of these records."},
    Plain{"imakeep_archive_violations", "gauge", "/archive/violations",
          "Violations in the archive, including those among retired records."},
    Plain{"imakeep_archive_chains", "gauge", "/archive/chains", "Chains in the archive."},
    Plain{"imakeep_archive_file_bytes", "gauge", "/archive/file_bytes", "Size of the archive's files."},
    Plain{"imakeep_archive_filesystem_free_bytes", "gauge", "/archive/free_bytes",
          "Free space on the archive's file system."},
    Plain{"imakeep_archive_filesystem_size_bytes", "gauge", "/archive/filesystem_bytes",
          "Size of the archive's file system."},
    Plain{"imakeep_chain", "gauge", "/chain/chain", "Number of the current chain."},
    Plain{"imakeep_chain_records_total", "counter", "/chain/end", "Records that the chain ever had."},
    Plain{"imakeep_proven_records", "gauge", "/proven/records",
          "Number of the record before which the chain's records are proven."},
    Plain{"imakeep_last_proof_timestamp_seconds", "gauge", "/proven/last_unix_s",
          "Time when the PCRs last proved the list; 0 for never."},
    Plain{"imakeep_trimmed_records_total", "counter", "/trimmed/records", "Records of the chain that imakeep trimmed."},
    Plain{"imakeep_trims_total", "counter", "/trimmed/times", "Trims of the chain by imakeep."},
    Plain{"imakeep_last_trim_timestamp_seconds", "gauge", "/trimmed/last_unix_s",
          "Time when imakeep last trimmed records; 0 for never."},
    Plain{"imakeep_trimmed_by_others_records_total", "counter", "/trimmed/by_others/records",
          "Archived records of the chain that others deleted from the list."},
    Plain{"imakeep_trims_by_others_total", "counter", "/trimmed/by_others/times",
          "Times that imakeep found records deleted by others."},
    Plain{"imakeep_list_records", "gauge", "/keeper/list_records",
          "Records in the list when the keeper last read it, including staged ones."},
    Plain{"imakeep_list_staged_records", "gauge", "/keeper/staged_records",
          "Staged records in the list when the keeper last read it."},
    Plain{"imakeep_list_lag_records", "gauge", "/keeper/lag",
          "Records in the list that the PCRs did not cover yet when the keeper last read it."},
    Plain{"imakeep_list_current_records", "gauge", "/list/current_records",
          "Records in the current list, without staged ones, as the kernel counts them."},
    Plain{"imakeep_list_violations_total", "counter", "/list/violations",
          "Violations since the kernel started, as the kernel counts them."},
    Plain{"imakeep_list_busy_total", "counter", "/keeper/busy", "Attempts that found the list busy (EBUSY)."},
    Plain{"imakeep_list_busy_seconds", "gauge", "/keeper/busy_ms",
          "Time for which every attempt found the list busy; 0 if the last one did not.", Unit::kMilliseconds},
    Plain{"imakeep_trimmed_bytes_total", "counter", "/keeper/trimmed_bytes",
          "Size of the trimmed records in the binary list, since the keeper started."},
    Plain{"imakeep_last_trim_end_timestamp_seconds", "gauge", "/keeper/trim_ended_unix_s",
          "Time when a trim last succeeded, even if it had nothing to trim; 0 for never."},
    Plain{"imakeep_trim_overdue_seconds", "gauge", "/keeper/trim_overdue_ms",
          "Time for which every due trim failed; 0 if the last one succeeded.", Unit::kMilliseconds},
    Plain{"imakeep_start_timestamp_seconds", "gauge", "/keeper/started_unix_s", "Time when the keeper started."},
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

std::string seconds(std::int64_t count, std::int64_t per_second) {
  char text[32];
  std::snprintf(text, sizeof text, "%.9g", static_cast<double>(count) / static_cast<double>(per_second));
  return text;
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

// Returns null if the status lacks the member.
const json& at(const json& status, const char* pointer) {
  static const json kNothing;
  const json::json_pointer place(pointer);
  return status.contains(place) ? status.at(place) : kNothing;
}

void add_plain(Exposition& text, const json& status) {
  for (const Plain& metric : kPlain) {
    const json& value = at(status, metric.pointer);
    if (!value.is_number_integer()) continue;
    text.family(metric.name, metric.type, metric.help);
    text.sample("", metric.unit == Unit::kMilliseconds ? seconds(value.get<std::int64_t>(), 1000) : value.dump());
  }
}

void add_info(Exposition& text, const json& status, const std::string& version) {
  text.family("imakeep_build_info", "gauge", "1, labeled with the version of imakeep.");
  text.sample(label("version", version), "1");
  const json& list = at(status, "/list");
  if (!list.contains("method")) return;
  text.family("imakeep_keeper_info", "gauge", "1, labeled with the trim method and the mode of the table of digests.");
  const std::string method = list.at("method").is_string() ? list.at("method").get<std::string>() : "none";
  text.sample(label("method", method) + "," + label("table", list.value("table", "unknown")), "1");
}

void add_pcrs(Exposition& text, const json& status) {
  const std::string state = at(status, "/pcrs").value("state", "");
  text.family("imakeep_pcrs_state", "gauge",
              "1 for the state of the list compared with the PCRs, 0 for the other states.");
  for (const char* known : kPcrsStates) text.sample(label("state", known), state == known ? "1" : "0");
}

void add_unproven(Exposition& text, const json& status) {
  const json& chain = at(status, "/chain");
  const json& proven = at(status, "/proven/records");
  if (chain.is_null() || proven.is_null()) return;
  const auto end = chain.at("end").get<std::uint64_t>();
  text.family("imakeep_unproven_records", "gauge", "Archived records at the chain's end that are not proven.");
  text.sample("", std::to_string(end - std::min(end, proven.get<std::uint64_t>())));
  std::uint64_t broken = 0;
  for (const json& range : chain.at("broken")) {
    broken += range.at("end").get<std::uint64_t>() - range.at("first").get<std::uint64_t>();
  }
  text.family("imakeep_broken_records", "gauge", "Archived records of the chain that will never be proven.");
  text.sample("", std::to_string(broken));
}

// Adds a sample for every diagnosis, even at 0, so that the first incident is visible as an increase. Adds one for
// every other kind that `counts` holds.
void add_by_kind(Exposition& text, const json& counts, const char* label_name) {
  std::vector<std::string> kinds;
  kinds.reserve(std::size(kAllDiagnoses) + counts.size());
  for (const keeper::Diagnosis diagnosis : kAllDiagnoses) kinds.emplace_back(keeper::word(diagnosis));
  for (const auto& [kind, count] : counts.items()) {
    if (std::ranges::find(kinds, kind) == kinds.end()) kinds.push_back(kind);
  }
  for (const std::string& kind : kinds) {
    text.sample(label(label_name, kind), std::to_string(counts.value(kind, std::uint64_t{0})));
  }
}

void add_diagnoses(Exposition& text, const json& status) {
  if (const json& counts = at(status, "/incident_counts"); counts.is_object()) {
    text.family("imakeep_incidents_total", "counter", "Incidents recorded in the archive, in all chains.");
    add_by_kind(text, counts, "kind");
  }
  if (const json& found = at(status, "/keeper/found"); found.is_object()) {
    text.family("imakeep_found", "gauge", "Findings of each diagnosis at the last look at the list.");
    add_by_kind(text, found, "diagnosis");
  }
}

void add_pending(Exposition& text, const json& status) {
  const json& pending = at(status, "/pending");
  const json& now = at(status, "/at_unix_s");
  if (now.is_null()) return;
  std::int64_t age_s = 0;
  if (!pending.is_null()) age_s = now.get<std::int64_t>() - pending.at("since_unix_s").get<std::int64_t>();
  text.family("imakeep_pending_records", "gauge", "Records of the pending trim.");
  text.sample("", pending.is_null() ? "0" : pending.at("records").dump());
  text.family("imakeep_pending_age_seconds", "gauge", "Age of the pending trim; 0 without one.");
  text.sample("", std::to_string(std::max<std::int64_t>(age_s, 0)));
}

void add_holders(Exposition& text, const json& status) {
  const json& holders = at(status, "/holders");
  if (!holders.is_array()) return;
  const auto writers = std::ranges::count_if(holders, [](const json& holder) { return holder.value("writes", false); });
  text.family("imakeep_list_holders", "gauge",
              "Files of the list that processes have open, by access; at most 50 are counted.");
  text.sample(label("access", "read"), std::to_string(std::ssize(holders) - writers));
  text.sample(label("access", "write"), std::to_string(writers));
}

void add_keeper(Exposition& text, const json& status) {
  const json& keeper = at(status, "/keeper");
  if (!keeper.is_object()) return;
  text.family("imakeep_follows_only", "gauge", "1 if the keeper only archives records and never trims.");
  text.sample("", keeper.contains("follows_only") ? "1" : "0");
  text.family("imakeep_failures_total", "counter", "Failed operations, except those that found the list busy.");
  for (const auto& [operation, times] : keeper.at("failures").items()) {
    text.sample(label("operation", operation), times.dump());
  }
  const json& holds = keeper.at("holds");
  text.family("imakeep_trim_hold_seconds", "histogram", "Time for which a trim held the list for writing.");
  for (const json& bucket : holds.at("at_most")) {
    text.sample(label("le", seconds(bucket.at("us").get<std::int64_t>(), 1'000'000)), bucket.at("times").dump(),
                "_bucket");
  }
  text.sample(label("le", "+Inf"), holds.at("times").dump(), "_bucket");
  text.sample("", seconds(holds.at("us").get<std::int64_t>(), 1'000'000), "_sum");
  text.sample("", holds.at("times").dump(), "_count");
}

void add_view(Exposition& text, const json& status) {
  const json& view = at(status, "/view");
  if (!view.is_object()) return;
  text.family("imakeep_view_complete", "gauge", "1 if the view shows the whole list, 0 if it cannot.");
  text.sample("", view.contains("error") ? "0" : "1");
}

}  // namespace

std::string metrics_text(const json& status, const std::string& version) {
  Exposition text;
  add_info(text, status, version);
  add_plain(text, status);
  add_pcrs(text, status);
  add_unproven(text, status);
  add_diagnoses(text, status);
  add_pending(text, status);
  add_view(text, status);
  add_holders(text, status);
  add_keeper(text, status);
  return text.take();
}

}  // namespace imakeep::monitor
