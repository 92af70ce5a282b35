// SPDX-License-Identifier: Apache-2.0
#include <cstdio>
#include <memory>

#include "archive/sqlite/sqlite_store.h"
#include "cli/terminal.h"
#include "commands.h"
#include "control/client.h"
#include "control/message.h"
#include "host/boot_options.h"
#include "monitor/keeper_metrics.h"
#include "monitor/keeper_status.h"
#include "monitor/status_text.h"

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
  IMAKEEP_TRY(auto client, control::Client::connect(socket, control::Client::kQuestionLimit));
  auto answer = client.ask({.head = {{"op", "status"}}});
  if (!answer) return unexpected(named(answer.error(), socket));
  answer->head.erase("ok");
  return std::move(answer->head);
}

Result<std::string> ask_keeper_for_metrics(const std::string& socket) {
  IMAKEEP_TRY(auto client, control::Client::connect(socket, control::Client::kQuestionLimit));
  const auto answer = client.ask({.head = {{"op", "metrics"}}});
  if (!answer) return unexpected(named(answer.error(), socket));
  return std::string(as_text(answer->payload));
}

Result<json> read_archive(const StatusOptions& options) {
  IMAKEEP_TRY(const auto& store, archive::SqliteStore::open(options.archive, archive::OpenMode::kRead));
  archive::Archive archive(*store);
  auto status = monitor::archive_status(archive, options.archive);
  SystemClock clock;
  if (status) (*status)["at_unix_s"] = clock.unix_s();
  if (!status || options.ima_dir.empty()) return status;
  IMAKEEP_TRY(const auto& source, keeper::KernelImaSource::in(options.ima_dir));
  const keeper::TableMode table =
      source->directory().on_fuse() ? keeper::TableMode::kUnknown : host::table_of_this_kernel();
  const keeper::Keeper keeper(*source, archive, nullptr, clock, {.table = table});
  monitor::add_list_status(*status, *source, keeper.method(), table, host::find_holders(source->name()));
  monitor::compare_with_list(*status);
  return status;
}

// Returns kDone once the metrics are printed, whatever they say: judging the state is left to their reader.
int print_metrics(const StatusOptions& options) {
  Result<std::string> text;
  if (!options.control.empty()) {
    text = ask_keeper_for_metrics(options.control);
  } else if (const auto status = read_archive(options)) {
    text = monitor::metrics_text(*status, IMAKEEP_VERSION);
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
    std::fputs(monitor::status_text(*status).c_str(), stdout);
  }
  return monitor::status_is_good(*status) ? kDone : kNotAsItShouldBe;
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
