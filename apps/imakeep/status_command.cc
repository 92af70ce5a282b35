// SPDX-License-Identifier: Apache-2.0
#include <cstdio>
#include <memory>

#include "archive/sqlite/sqlite_store.h"
#include "cli/terminal.h"
#include "commands.h"
#include "control/client.h"
#include "control/message.h"
#include "host/boot_options.h"
#include "host/holders.h"
#include "keeper/kernel/kernel_ima_source.h"
#include "monitor/keeper_metrics.h"
#include "monitor/keeper_status.h"
#include "monitor/status_json.h"
#include "monitor/status_text.h"

namespace imakeep::app {
namespace {

// The same path as in packaging/imakeep.toml.
constexpr const char* kServiceSocket = "/run/imakeep/imakeep.sock";

struct StatusOptions {
  std::string control;
  std::string archive;
  std::string ima_dir;
  bool json = false;
  bool prometheus = false;
};

Result<nlohmann::json> ask_keeper(const std::string& socket) {
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

Result<monitor::Status> read_archive(const StatusOptions& options) {
  IMAKEEP_TRY(const auto& store, archive::SqliteStore::open(options.archive, archive::OpenMode::kRead));
  archive::Archive archive(*store);
  SystemClock clock;
  auto status = monitor::archive_status(archive, options.archive, clock.unix_s());
  if (!status || options.ima_dir.empty()) return status;
  IMAKEEP_TRY(const auto& source, keeper::KernelImaSource::in(options.ima_dir));
  const keeper::TableMode table =
      source->directory().on_fuse() ? keeper::TableMode::kUnknown : host::table_of_this_kernel();
  const keeper::Keeper keeper(*source, archive, nullptr, clock, {.table = table});
  status->list = monitor::list_status(*source, keeper.method(), table);
  status->holders = monitor::status_of(host::find_holders(source->name()));
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

// A keeper's answer is printed as it is with --json, members that this imakeep does not know among them.
struct ShownStatus {
  nlohmann::json all;
  monitor::Status status;
};

Result<ShownStatus> read_status(const StatusOptions& options) {
  if (options.control.empty()) {
    IMAKEEP_TRY(auto status, read_archive(options));
    nlohmann::json all = monitor::json_of(status);
    return ShownStatus{.all = std::move(all), .status = std::move(status)};
  }
  IMAKEEP_TRY(auto all, ask_keeper(options.control));
  auto status = monitor::status_of(all);
  if (status) return ShownStatus{.all = std::move(all), .status = std::move(*status)};
  return fail(ErrorCode::kEnvironment, options.control + ": " + status.error().message +
                                           "; name a keeper's socket with --control, and use the imakeep of "
                                           "the keeper's version");
}

int run_status(const StatusOptions& options) {
  if (options.prometheus) return print_metrics(options);
  const auto shown = read_status(options);
  if (!shown) return report(shown.error());
  if (options.json) {
    print_json(shown->all);
  } else {
    std::fputs(monitor::status_text(shown->status).c_str(), stdout);
  }
  return monitor::is_good(shown->status) ? kDone : kNotAsItShouldBe;
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
    return run_status(*options);
  });
}

}  // namespace imakeep::app
