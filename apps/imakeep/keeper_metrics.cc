#include "keeper_metrics.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <vector>

#include "keeper/diagnosis.h"
#include "keeper_status.h"

namespace imakeep::app {
namespace {

using nlohmann::json;

constexpr std::array kAllDiagnoses = {
    keeper::Diagnosis::kTrimmedByOther,    keeper::Diagnosis::kKexecDropped,
    keeper::Diagnosis::kHeadless,          keeper::Diagnosis::kGap,
    keeper::Diagnosis::kAlteredRecord,     keeper::Diagnosis::kFailedExtend,
    keeper::Diagnosis::kUnexplainedExtend, keeper::Diagnosis::kGapOrExtend,
    keeper::Diagnosis::kArchiveAhead,      keeper::Diagnosis::kUnsettled,
};

enum class Unit : std::uint8_t {
  kAsItIs,
  kMilliseconds,  // shown as seconds
};

// A metric that is one number of the status.
struct Plain {
  const char* name;
  const char* type;
  const char* pointer;  // RFC 6901
  const char* help;
  Unit unit = Unit::kAsItIs;
};

constexpr std::array kPlain{
    Plain{"imakeep_updated_timestamp_seconds", "gauge", "/at_unix_s", "When these numbers were found out."},
    Plain{"imakeep_archive_records", "gauge", "/archive/records", "Records that the archive keeps, in all chains."},
    Plain{"imakeep_archive_payload_bytes", "gauge", "/archive/payload_bytes",
          "Bytes of these records, before they are compressed."},
    Plain{"imakeep_archive_violations", "gauge", "/archive/violations",
          "Violations in the archive, those of retired records among them."},
    Plain{"imakeep_archive_chains", "gauge", "/archive/chains", "Chains in the archive."},
    Plain{"imakeep_archive_file_bytes", "gauge", "/archive/file_bytes", "Bytes that the archive's files take."},
    Plain{"imakeep_archive_filesystem_free_bytes", "gauge", "/archive/free_bytes",
          "Bytes that are free on the archive's file system."},
    Plain{"imakeep_archive_filesystem_size_bytes", "gauge", "/archive/filesystem_bytes",
          "Size of the archive's file system."},
    Plain{"imakeep_chain", "gauge", "/chain/chain", "Number of the chain that is kept."},
    Plain{"imakeep_chain_records_total", "counter", "/chain/end", "Records that the chain ever had."},
    Plain{"imakeep_proven_records", "gauge", "/proven/records", "Records of the chain before this one are proven."},
    Plain{"imakeep_last_proof_timestamp_seconds", "gauge", "/proven/last_unix_s",
          "When the PCRs last proved the list; 0 for never."},
    Plain{"imakeep_trimmed_records_total", "counter", "/trimmed/records",
          "Records of the chain that imakeep took out of the list."},
    Plain{"imakeep_trims_total", "counter", "/trimmed/times", "How often imakeep took records of the chain out."},
    Plain{"imakeep_last_trim_timestamp_seconds", "gauge", "/trimmed/last_unix_s",
          "When imakeep last took records out; 0 for never."},
    Plain{"imakeep_trimmed_by_others_records_total", "counter", "/trimmed/by_others/records",
          "Archived records of the chain that somebody else took out of the list."},
    Plain{"imakeep_trims_by_others_total", "counter", "/trimmed/by_others/times",
          "How often it was seen that somebody else took records out."},
    Plain{"imakeep_list_records", "gauge", "/keeper/list_records",
          "Records in the list when it was last read, staged ones among them."},
    Plain{"imakeep_list_staged_records", "gauge", "/keeper/staged_records", "Of these, those that are staged."},
    Plain{"imakeep_list_lag_records", "gauge", "/keeper/lag", "Of these, those that the PCRs do not cover yet."},
    Plain{"imakeep_list_current_records", "gauge", "/list/current_records",
          "Records in the list now, without staged ones, as the kernel counts them."},
    Plain{"imakeep_list_violations_total", "counter", "/list/violations",
          "Violations since the kernel started, as it counts them."},
    Plain{"imakeep_list_busy_total", "counter", "/keeper/busy",
          "How often somebody had the list open the other way (EBUSY)."},
    Plain{"imakeep_list_busy_seconds", "gauge", "/keeper/busy_ms",
          "For how long the list was busy at every try; 0 if it was not at the last.", Unit::kMilliseconds},
    Plain{"imakeep_trimmed_bytes_total", "counter", "/keeper/trimmed_bytes",
          "Bytes that the records taken out had in the binary list."},
    Plain{"imakeep_last_trim_end_timestamp_seconds", "gauge", "/keeper/trim_ended_unix_s",
          "When a trim last ended well, whether or not there was anything to take out; 0 for never."},
    Plain{"imakeep_trim_overdue_seconds", "gauge", "/keeper/trim_overdue_ms",
          "For how long trims were due and failed each time; 0 if the last ended well.", Unit::kMilliseconds},
    Plain{"imakeep_start_timestamp_seconds", "gauge", "/keeper/started_unix_s", "When the keeper started."},
};

// "label=\"value\"", its value escaped.
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
  // `suffix` is behind the name of a histogram's parts.
  void sample(const std::string& labels, const std::string& value, const char* suffix = "") {
    text_ += name_ + suffix + (labels.empty() ? "" : "{" + labels + "}") + " " + value + "\n";
  }
  std::string take() { return std::move(text_); }

 private:
  std::string name_;
  std::string text_;
};

// Null if it is not there.
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
  text.family("imakeep_build_info", "gauge", "1, with the version of imakeep.");
  text.sample(label("version", version), "1");
  const json& list = at(status, "/list");
  if (!list.contains("method")) return;
  text.family("imakeep_keeper_info", "gauge", "1, with how records are taken out and what Linux does with digests.");
  const std::string method = list.at("method").is_string() ? list.at("method").get<std::string>() : "none";
  text.sample(label("method", method) + "," + label("table", list.value("table", "unknown")), "1");
}

void add_pcrs(Exposition& text, const json& status) {
  const std::string state = at(status, "/pcrs").value("state", "");
  text.family("imakeep_pcrs_state", "gauge", "1 for how the list stands to the PCRs, 0 for the other states.");
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
  text.family("imakeep_broken_records", "gauge", "Archived records of the chain that nothing will ever prove.");
  text.sample("", std::to_string(broken));
}

// Every diagnosis, so that a first one is an increase; and what else an archive may hold.
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
    text.family("imakeep_incidents_total", "counter", "Incidents that the archive has put down, in all chains.");
    add_by_kind(text, counts, "kind");
  }
  if (const json& found = at(status, "/keeper/found"); found.is_object()) {
    text.family("imakeep_found", "gauge", "What was found when the list was last looked at: how often.");
    add_by_kind(text, found, "diagnosis");
  }
}

void add_pending(Exposition& text, const json& status) {
  const json& pending = at(status, "/pending");
  const json& now = at(status, "/at_unix_s");
  if (now.is_null()) return;
  std::int64_t age_s = 0;
  if (!pending.is_null()) age_s = now.get<std::int64_t>() - pending.at("since_unix_s").get<std::int64_t>();
  text.family("imakeep_pending_records", "gauge", "Records that are marked as about to be taken out.");
  text.sample("", pending.is_null() ? "0" : pending.at("records").dump());
  text.family("imakeep_pending_age_seconds", "gauge", "How old that mark is; 0 without one.");
  text.sample("", std::to_string(std::max<std::int64_t>(age_s, 0)));
}

void add_holders(Exposition& text, const json& status) {
  const json& holders = at(status, "/holders");
  if (!holders.is_array()) return;
  const auto writers = std::ranges::count_if(holders, [](const json& holder) { return holder.value("writes", false); });
  text.family("imakeep_list_holders", "gauge", "Files of the list that others have open, by how; at most 50 are seen.");
  text.sample(label("access", "read"), std::to_string(std::ssize(holders) - writers));
  text.sample(label("access", "write"), std::to_string(writers));
}

void add_keeper(Exposition& text, const json& status) {
  const json& keeper = at(status, "/keeper");
  if (!keeper.is_object()) return;
  text.family("imakeep_follows_only", "gauge", "1 if records are archived only, and never taken out.");
  text.sample("", keeper.contains("follows_only") ? "1" : "0");
  text.family("imakeep_failures_total", "counter", "How often it failed, but for a list that was busy.");
  for (const auto& [operation, times] : keeper.at("failures").items()) {
    text.sample(label("operation", operation), times.dump());
  }
  const json& holds = keeper.at("holds");
  text.family("imakeep_trim_hold_seconds", "histogram", "How long a trim held the list for writing.");
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

}  // namespace imakeep::app
