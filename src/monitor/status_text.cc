// SPDX-License-Identifier: Apache-2.0
#include "monitor/status_text.h"

#include <nlohmann/json.hpp>

#include "base/text.h"
#include "monitor/time_text.h"

namespace imakeep::monitor {
namespace {

using nlohmann::json;

std::string number(const json& value) {
  return value.is_number() ? value.dump() : "?";
}

std::string time_text(const json& unix_s) {
  return monitor::time_text(unix_s.is_number_integer() ? unix_s.get<std::int64_t>() : 0);
}

void line(std::string& out, const char* name, const std::string& text) {
  constexpr std::size_t kColumn = 10;
  std::string padded = name;
  padded.resize(kColumn, ' ');
  out += padded + printable(text) + '\n';
}

std::string text_of(const json& object, const char* member) {
  return object.value(member, "");
}

// Anchors are shown for information: what they say about the PCRs is no evidence.
void add_anchors(std::string& out, const json& anchors) {
  if (anchors.empty()) return;
  std::string text = std::to_string(anchors.size()) + ":";
  for (const json& anchor : anchors) {
    text += " at record " + number(anchor["record"]) + ", broken at record " + number(anchor["broken_at"]) + " (" +
            text_of(anchor, "why") + ");";
  }
  text.pop_back();
  line(out, "anchors", text);
}

void add_chain(std::string& out, const json& status) {
  const json& archive = status["archive"];
  line(out, "archive",
       text_of(archive, "file") + ": " + number(archive["records"]) + " records in " + number(archive["chains"]) +
           " chains, " + human_bytes(archive["file_bytes"].get<std::uint64_t>()));
  const json& chain = status["chain"];
  if (chain.is_null()) {
    line(out, "chain", "none yet");
    return;
  }
  std::string banks;
  for (const json& bank : chain["banks"]) banks += (banks.empty() ? "" : ",") + bank.get<std::string>();
  line(out, "chain",
       number(chain["chain"]) + ", " + (text_of(chain, "start") == "boot" ? "from boot on" : "beginning unknown") +
           ", records " + number(chain["first_kept"]) + " to before " + number(chain["end"]) + ", banks " + banks);
  for (const json& broken : chain["broken"]) {
    line(out, "",
         "records " + number(broken["first"]) + " to before " + number(broken["end"]) +
             " are not proven: " + text_of(broken, "why") + ", " + time_text(broken["since_unix_s"]));
  }
  add_anchors(out, chain.value("anchors", json::array()));
}

void add_trimmed(std::string& out, const json& status) {
  if (status["chain"].is_null()) return;
  const json& trimmed = status["trimmed"];
  const json& others = trimmed["by_others"];
  line(out, "trimmed",
       number(trimmed["records"]) + " records in " + number(trimmed["times"]) + " trims, the last " +
           time_text(trimmed["last_unix_s"]) + "; by others " + number(others["records"]) + " records, " +
           number(others["times"]) + " times");
  const json& proven = status["proven"];
  line(out, "proven", "records before " + number(proven["records"]) + ", " + time_text(proven["last_unix_s"]));
}

void add_list(std::string& out, const json& status) {
  const json list = status.value("list", json::object());
  if (!list.contains("directory")) return;
  const std::string now =
      list.contains("error") ? text_of(list, "error") : number(list["current_records"]) + " records now";
  const std::string method =
      list["method"].is_null() ? text_of(list, "no_method") : "method " + list["method"].get<std::string>();
  line(out, "list", text_of(list, "directory") + ": " + now + ", " + method);
  line(out, "table", text_of(list, "table") + ": " + text_of(list, "table_costs"));
  for (const json& holder : status["holders"]) line(out, "holder", text_of(holder, "text"));
  if (status["holders"].empty()) line(out, "holder", "none");
}

void add_pcrs(std::string& out, const json& status) {
  const json& pcrs = status["pcrs"];
  const std::string state = text_of(pcrs, "state");
  std::string text = state;
  if (state == "does not fit") text = "mismatch";
  if (state == "behind") text = "not caught up: the list has records that are not archived yet";
  if (state == "lagging")
    text += ": " + number(status["keeper"]["lag"]) + " records are not extended into the PCRs yet";
  if (pcrs.contains("diagnosis")) text += ", " + text_of(pcrs, "diagnosis") + ": " + text_of(pcrs, "what");
  line(out, "PCRs", text);
}

std::string writers_text(const json& keeper) {
  if (!keeper.contains("last_writers")) return {};
  const json& seen = keeper["last_writers"];
  std::string text = "; last seen to hold the list, " + time_text(seen["seen_unix_s"]) + ":";
  for (const json& writer : seen["writers"]) text += " " + text_of(writer, "text") + ";";
  text.pop_back();
  return text;
}

void add_keeper(std::string& out, const json& status) {
  if (!status.contains("keeper")) return;
  const json& keeper = status["keeper"];
  line(out, "keeper",
       "pid " + number(keeper["pid"]) + ", found the list busy " + number(keeper["busy"]) + " times" +
           (keeper.contains("follows_only") ? "; " + text_of(keeper, "follows_only") : "") + writers_text(keeper) +
           (keeper.contains("error") ? "; last error: " + text_of(keeper, "error") : ""));
}

void add_view(std::string& out, const json& status) {
  if (!status.contains("view")) return;
  const json& view = status["view"];
  line(out, "view",
       text_of(view, "directory") + ": " +
           (view["mounted"].get<bool>() ? "chain " + number(view["chain"]) : "not mounted") +
           (view.contains("error") ? "; " + text_of(view, "error") : ""));
}

void add_incidents(std::string& out, const json& status) {
  const json& pending = status["pending"];
  line(out, "pending",
       pending.is_null()
           ? "none"
           : number(pending["records"]) + " records from " + number(pending["first"]) + " on, by method " +
                 text_of(pending, "method") + ", " + time_text(pending["since_unix_s"]));
  if (status["incidents"].empty()) line(out, "incidents", "none");
  for (const json& incident : status["incidents"]) {
    line(out, "incident",
         time_text(incident["since_unix_s"]) + ", chain " + number(incident["chain"]) + ", record " +
             number(incident["first"]) + ": " + text_of(incident, "kind") + ": " + text_of(incident, "what"));
  }
}

}  // namespace

std::string status_text(const json& status) {
  std::string out;
  add_chain(out, status);
  add_trimmed(out, status);
  add_pcrs(out, status);
  add_list(out, status);
  add_keeper(out, status);
  add_view(out, status);
  add_incidents(out, status);
  return out;
}

}  // namespace imakeep::monitor
