// SPDX-License-Identifier: Apache-2.0
#include <cstdio>
#include <memory>

#include "archive/sqlite/sqlite_store.h"
#include "base/text.h"
#include "boot_options.h"
#include "commands.h"
#include "control/client.h"
#include "control/message.h"
#include "keeper_metrics.h"
#include "keeper_status.h"
#include "terminal.h"
#include "time_text.h"

namespace imakeep::app {
namespace {

using nlohmann::json;

// The same path as in packaging/imakeep.toml.
constexpr const char* kServiceSocket = "/run/imakeep/imakeep.sock";

struct StatusOptions {
  std::string control;
  std::string archive;
  std::string ima_dir;
  bool json = false;
  bool prometheus = false;
};

Result<json> ask_keeper(const std::string& socket) {
  auto client = control::Client::connect(socket, control::Client::kQuestionLimit);
  if (!client) return unexpected(client.error());
  auto answer = client->ask({.head = {{"op", "status"}}});
  if (!answer) return unexpected(named(answer.error(), socket));
  answer->head.erase("ok");
  return std::move(answer->head);
}

Result<std::string> ask_keeper_for_metrics(const std::string& socket) {
  auto client = control::Client::connect(socket, control::Client::kQuestionLimit);
  if (!client) return unexpected(client.error());
  const auto answer = client->ask({.head = {{"op", "metrics"}}});
  if (!answer) return unexpected(named(answer.error(), socket));
  return std::string(as_text(answer->payload));
}

Result<json> read_archive(const StatusOptions& options) {
  const auto store = archive::SqliteStore::open(options.archive, archive::OpenMode::kRead);
  if (!store) return unexpected(store.error());
  archive::Archive archive(**store);
  auto status = archive_status(archive, options.archive);
  SystemClock clock;
  if (status) (*status)["at_unix_s"] = clock.unix_s();
  if (!status || options.ima_dir.empty()) return status;
  const auto source = keeper::KernelImaSource::in(options.ima_dir);
  if (!source) return unexpected(source.error());
  const keeper::TableMode table =
      (*source)->directory().on_fuse() ? keeper::TableMode::kUnknown : table_of_this_kernel();
  const keeper::Keeper keeper(**source, archive, nullptr, clock, {.table = table});
  add_list_status(*status, **source, keeper.method(), table, find_holders((*source)->name()));
  compare_with_list(*status);
  return status;
}

// ---- text

std::string number(const json& value) {
  return value.is_number() ? value.dump() : "?";
}

std::string time_text(const json& unix_s) {
  return app::time_text(unix_s.is_number_integer() ? unix_s.get<std::int64_t>() : 0);
}

void line(const char* name, const std::string& text) {
  std::printf("%-9s %s\n", name, printable(text).c_str());
}

std::string text_of(const json& object, const char* member) {
  return object.value(member, "");
}

// Anchors are shown for information: what they say about the PCRs is no evidence.
void print_anchors(const json& anchors) {
  if (anchors.empty()) return;
  std::string text = std::to_string(anchors.size()) + ":";
  for (const json& anchor : anchors) {
    text += " at record " + number(anchor["record"]) + ", broken at record " + number(anchor["broken_at"]) + " (" +
            text_of(anchor, "why") + ");";
  }
  text.pop_back();
  line("anchors", text);
}

void print_chain(const json& status) {
  const json& archive = status["archive"];
  line("archive", text_of(archive, "file") + ": " + number(archive["records"]) + " records in " +
                      number(archive["chains"]) + " chains, " +
                      human_bytes(archive["file_bytes"].get<std::uint64_t>()));
  const json& chain = status["chain"];
  if (chain.is_null()) {
    line("chain", "none yet");
    return;
  }
  std::string banks;
  for (const json& bank : chain["banks"]) banks += (banks.empty() ? "" : ",") + bank.get<std::string>();
  line("chain", number(chain["chain"]) + ", " +
                    (text_of(chain, "start") == "boot" ? "from boot on" : "beginning unknown") + ", records " +
                    number(chain["first_kept"]) + " to before " + number(chain["end"]) + ", banks " + banks);
  for (const json& broken : chain["broken"]) {
    line("", "records " + number(broken["first"]) + " to before " + number(broken["end"]) +
                 " are not proven: " + text_of(broken, "why") + ", " + time_text(broken["since_unix_s"]));
  }
  print_anchors(chain.value("anchors", json::array()));
}

void print_trimmed(const json& status) {
  if (status["chain"].is_null()) return;
  const json& trimmed = status["trimmed"];
  const json& others = trimmed["by_others"];
  line("trimmed", number(trimmed["records"]) + " records in " + number(trimmed["times"]) + " trims, the last " +
                      time_text(trimmed["last_unix_s"]) + "; by others " + number(others["records"]) + " records, " +
                      number(others["times"]) + " times");
  const json& proven = status["proven"];
  line("proven", "records before " + number(proven["records"]) + ", " + time_text(proven["last_unix_s"]));
}

void print_list(const json& status) {
  const json list = status.value("list", json::object());
  if (!list.contains("directory")) return;
  const std::string now =
      list.contains("error") ? text_of(list, "error") : number(list["current_records"]) + " records now";
  const std::string method =
      list["method"].is_null() ? text_of(list, "no_method") : "method " + list["method"].get<std::string>();
  line("list", text_of(list, "directory") + ": " + now + ", " + method);
  line("table", text_of(list, "table") + ": " + text_of(list, "table_costs"));
  for (const json& holder : status["holders"]) line("holder", text_of(holder, "text"));
  if (status["holders"].empty()) line("holder", "none");
}

void print_pcrs(const json& status) {
  const json& pcrs = status["pcrs"];
  const std::string state = text_of(pcrs, "state");
  std::string text = state;
  if (state == "does not fit") text = "mismatch";
  if (state == "behind") text = "not caught up: the list has records that are not archived yet";
  if (state == "lagging")
    text += ": " + number(status["keeper"]["lag"]) + " records are not extended into the PCRs yet";
  if (pcrs.contains("diagnosis")) text += ", " + text_of(pcrs, "diagnosis") + ": " + text_of(pcrs, "what");
  line("PCRs", text);
}

std::string writers_text(const json& keeper) {
  if (!keeper.contains("last_writers")) return {};
  const json& seen = keeper["last_writers"];
  std::string text = "; last seen to hold the list, " + time_text(seen["seen_unix_s"]) + ":";
  for (const json& writer : seen["writers"]) text += " " + text_of(writer, "text") + ";";
  text.pop_back();
  return text;
}

void print_keeper(const json& status) {
  if (!status.contains("keeper")) return;
  const json& keeper = status["keeper"];
  line("keeper", "pid " + number(keeper["pid"]) + ", found the list busy " + number(keeper["busy"]) + " times" +
                     (keeper.contains("follows_only") ? "; " + text_of(keeper, "follows_only") : "") +
                     writers_text(keeper) +
                     (keeper.contains("error") ? "; last error: " + text_of(keeper, "error") : ""));
}

void print_view(const json& status) {
  if (!status.contains("view")) return;
  const json& view = status["view"];
  line("view", text_of(view, "directory") + ": " +
                   (view["mounted"].get<bool>() ? "chain " + number(view["chain"]) : "not mounted") +
                   (view.contains("error") ? "; " + text_of(view, "error") : ""));
}

void print_incidents(const json& status) {
  const json& pending = status["pending"];
  line("pending", pending.is_null()
                      ? "none"
                      : number(pending["records"]) + " records from " + number(pending["first"]) + " on, by method " +
                            text_of(pending, "method") + ", " + time_text(pending["since_unix_s"]));
  if (status["incidents"].empty()) line("incidents", "none");
  for (const json& incident : status["incidents"]) {
    line("incident", time_text(incident["since_unix_s"]) + ", chain " + number(incident["chain"]) + ", record " +
                         number(incident["first"]) + ": " + text_of(incident, "kind") + ": " +
                         text_of(incident, "what"));
  }
}

// Returns kDone once the metrics are printed, whatever they say: judging the state is left to their reader.
int print_metrics(const StatusOptions& options) {
  Result<std::string> text;
  if (!options.control.empty()) {
    text = ask_keeper_for_metrics(options.control);
  } else if (const auto status = read_archive(options)) {
    text = metrics_text(*status, IMAKEEP_VERSION);
  } else {
    text = unexpected(status.error());
  }
  if (!text) return report(text.error());
  std::fputs(text->c_str(), stdout);
  return kDone;
}

int run_status(const StatusOptions& options) {
  if (options.prometheus) return print_metrics(options);
  const auto status = options.control.empty() ? read_archive(options) : ask_keeper(options.control);
  if (!status) return report(status.error());
  if (options.json) {
    print_json(*status);
  } else {
    print_chain(*status);
    print_trimmed(*status);
    print_pcrs(*status);
    print_list(*status);
    print_keeper(*status);
    print_view(*status);
    print_incidents(*status);
  }
  return status_fits(*status) ? kDone : kNotAsItShouldBe;
}

// The program that answers on the socket may not be a keeper, so its answer may have members of other types.
int run_status_guarded(const StatusOptions& options) {
  try {
    return run_status(options);
  } catch (const json::exception&) {
    return report({.code = ErrorCode::kEnvironment,
                   .message = "the program that answers is not a keeper; name a keeper's socket with --control"},
                  options.control);
  }
}

}  // namespace

void add_status(const Command& root) {
  auto options = std::make_shared<StatusOptions>();
  const Command command = root.add_command("status", "show what is archived, proven and trimmed");
  const Option control =
      command.add_option("--control", options->control, "socket of the keeper to ask (default: the service's)")
          .value_name("SOCK");
  const Option archive = command.add_option("--archive", options->archive, "archive to read instead of asking a keeper")
                             .value_name("FILE");
  archive.excludes(control);
  command.add_option("--ima-dir", options->ima_dir, "directory of the list that the archive belongs to (default: none)")
      .value_name("DIR")
      .needs(archive);
  const Option json = command.add_flag("--json", options->json, "output as JSON");
  command.add_flag("--prometheus", options->prometheus, "metrics in Prometheus' text format").excludes(json);
  command.set_action([options] {
    if (options->control.empty() && options->archive.empty()) options->control = kServiceSocket;
    return run_status_guarded(*options);
  });
}

}  // namespace imakeep::app
