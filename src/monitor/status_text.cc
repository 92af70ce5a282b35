// SPDX-License-Identifier: Apache-2.0
#include "monitor/status_text.h"

#include <algorithm>

#include "base/text.h"
#include "monitor/time_text.h"

namespace imakeep::monitor {
namespace {

std::string number(std::uint64_t value) {
  return std::to_string(value);
}

void line(std::string& out, const char* name, const std::string& text) {
  constexpr std::size_t kColumn = 10;
  std::string padded = name;
  padded.resize(kColumn, ' ');
  out += padded + printable(text) + '\n';
}

// Anchors are shown for information: what they say about the PCRs is no evidence.
void add_anchors(std::string& out, const std::vector<AnchorStatus>& anchors) {
  if (anchors.empty()) return;
  std::string text = number(anchors.size()) + ":";
  for (const AnchorStatus& anchor : anchors) {
    text += " at record " + number(anchor.record) + ", broken at record " + number(anchor.broken_at) + " (" +
            anchor.why + ");";
  }
  text.pop_back();
  line(out, "anchors", text);
}

void add_archive(std::string& out, const ArchiveStatus& archive) {
  line(out, "archive",
       archive.file + ": " + number(archive.records) + " records in " + number(archive.chains) + " chains, " +
           human_bytes(archive.file_bytes));
}

void add_chain(std::string& out, const std::optional<ChainStatus>& chain) {
  if (!chain) {
    line(out, "chain", "none yet");
    return;
  }
  std::string banks;
  for (const std::string& bank : chain->banks) banks += (banks.empty() ? "" : ",") + bank;
  line(out, "chain",
       number(chain->chain.value()) + ", " + (chain->from_boot ? "from boot on" : "beginning unknown") + ", records " +
           number(chain->first_kept) + " to before " + number(chain->end) + ", banks " + banks);
  for (const BrokenRange& broken : chain->broken) {
    line(out, "",
         "records " + number(broken.first) + " to before " + number(broken.end) + " are not proven: " + broken.why +
             ", " + time_text(broken.since_unix_s));
  }
  add_anchors(out, chain->anchors);
  const TrimmedStatus& trimmed = chain->trimmed;
  line(out, "trimmed",
       number(trimmed.records) + " records in " + number(trimmed.times) + " trims, the last " +
           time_text(trimmed.last_unix_s) + "; by others " + number(trimmed.records_by_others) + " records, " +
           number(trimmed.times_by_others) + " times");
  line(out, "proven", "records before " + number(chain->proven.records) + ", " + time_text(chain->proven.last_unix_s));
}

void add_verifiers(std::string& out, const Status& status) {
  for (const VerifierStatus& verifier : status.verifiers.value_or(std::vector<VerifierStatus>())) {
    const std::int64_t age_s = std::max<std::int64_t>(status.at_unix_s - verifier.last_unix_s, 0);
    line(out, "verifier",
         verifier.name + " has proven the records before " + number(verifier.records) + ", " +
             time_text(verifier.last_unix_s) +
             (verifier.last_unix_s == 0 ? std::string() : ", " + std::to_string(age_s) + " s ago"));
  }
  if (status.keeper && !status.keeper->held_back.empty()) {
    line(out, "held back", number(status.keeper->held_back_records) + " records: " + status.keeper->held_back);
  }
}

std::string pcrs_text(const Status& status) {
  switch (status.pcrs.state) {
    case PcrsState::kMismatch:
      return "mismatch";
    case PcrsState::kIncomplete:
      return "not caught up: the list has records that are not archived yet";
    case PcrsState::kLagging: {
      const bool looked = status.keeper && status.keeper->look;
      return "lagging" + (looked
                              ? ": " + number(status.keeper->look->lag) + " records are not extended into the PCRs yet"
                              : std::string());
    }
    case PcrsState::kProven:
    case PcrsState::kNotProven:
      break;
  }
  return std::string(word(status.pcrs.state));
}

void add_pcrs(std::string& out, const Status& status) {
  std::string text = pcrs_text(status);
  if (!status.pcrs.diagnosis.empty()) text += ", " + status.pcrs.diagnosis + ": " + status.pcrs.what;
  line(out, "PCRs", text);
}

void add_list(std::string& out, const Status& status) {
  if (!status.list) return;
  const ListStatus& list = *status.list;
  const std::string now = list.current_records ? number(*list.current_records) + " records now" : list.error;
  const std::string method = list.method.empty() ? list.no_method : "method " + list.method;
  line(out, "list", list.directory + ": " + now + ", " + method);
  line(out, "table", list.table + ": " + list.table_costs);
  if (!status.holders) return;
  for (const HolderStatus& holder : *status.holders) line(out, "holder", holder.text);
  if (status.holders->empty()) line(out, "holder", "none");
}

std::string writers_text(const std::optional<LastWritersStatus>& seen) {
  if (!seen) return {};
  std::string text = "; last seen to hold the list, " + time_text(seen->seen_unix_s) + ":";
  for (const HolderStatus& writer : seen->writers) text += " " + writer.text + ";";
  text.pop_back();
  return text;
}

void add_keeper(std::string& out, const std::optional<KeeperStatus>& keeper) {
  if (!keeper) return;
  line(out, "keeper",
       "pid " + std::to_string(keeper->pid) + ", found the list busy " + number(keeper->busy) + " times" +
           (keeper->follows_only.empty() ? "" : "; " + keeper->follows_only) + writers_text(keeper->last_writers) +
           (keeper->error.empty() ? "" : "; last error: " + keeper->error));
}

void add_view(std::string& out, const std::optional<ViewStatus>& view) {
  if (!view) return;
  line(out, "view",
       view->directory + ": " + (view->mounted ? "chain " + number(view->chain.value()) : "not mounted") +
           (view->error.empty() ? "" : "; " + view->error));
}

void add_incidents(std::string& out, const Status& status) {
  const std::optional<PendingStatus>& pending = status.pending;
  line(out, "pending",
       pending ? number(pending->records) + " records from " + number(pending->first) + " on, by method " +
                     pending->method + ", " + time_text(pending->since_unix_s)
               : "none");
  if (status.incidents.empty()) line(out, "incidents", "none");
  for (const IncidentStatus& incident : status.incidents) {
    line(out, "incident",
         time_text(incident.since_unix_s) + ", chain " + number(incident.chain.value()) + ", record " +
             number(incident.first) + ": " + incident.kind + ": " + incident.what);
  }
}

}  // namespace

std::string status_text(const Status& status) {
  std::string out;
  add_archive(out, status.archive);
  add_chain(out, status.chain);
  add_verifiers(out, status);
  add_pcrs(out, status);
  add_list(out, status);
  add_keeper(out, status.keeper);
  add_view(out, status.view);
  add_incidents(out, status);
  return out;
}

}  // namespace imakeep::monitor
