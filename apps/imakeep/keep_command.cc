// SPDX-License-Identifier: Apache-2.0
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <memory>

#include "archive/sqlite/sqlite_store.h"
#include "base/signal_descriptor.h"
#include "cli/terminal.h"
#include "commands.h"
#include "control/message.h"
#include "control/socket_server.h"
#include "daemon/bank_fills.h"
#include "daemon/end_watch.h"
#include "daemon/keep_loop.h"
#include "daemon/view_keeper.h"
#include "host/boot_options.h"
#include "monitor/metrics_server.h"
#include "pcrs/keep_pcrs.h"

namespace imakeep::app {
namespace {

struct KeepCommand {
  std::optional<std::string> config_file;
  std::vector<std::pair<const daemon::KeepOption*, std::string>>
      given;  // options of the command line, which override the file
  bool once = false;
  bool json = false;
};

Result<daemon::KeepConfig> configuration(const KeepCommand& command) {
  daemon::KeepConfig config;
  if (command.config_file) IMAKEEP_CHECK(daemon::read_keep_config(config, *command.config_file));
  for (const auto& [option, text] : command.given) {
    if (const auto set = option->set(config, text); !set) return unexpected(named(set.error(), option->flag()));
  }
  // The process that mounts the view has another working directory.
  if (!config.view.empty()) config.view = std::filesystem::absolute(config.view);
  if (config.archive.empty()) {
    return fail(ErrorCode::kUsage, "keep requires --archive FILE, or `archive` in the file of --config");
  }
  IMAKEEP_CHECK(daemon::check_distinct_files(config));
  IMAKEEP_CHECK(daemon::check_trim_after(config));
  if (config.view.empty() && (config.bind || !config.group.empty())) {
    return fail(ErrorCode::kUsage, "--group and --bind require --view DIR");
  }
  if (command.once) {
    const auto names_view = [](const auto& given) { return std::string_view(given.first->name) == "view"; };
    if (std::ranges::any_of(command.given, names_view)) {
      return fail(ErrorCode::kUsage, "--once excludes --view DIR: a view ends with the keeper");
    }
    // The file is the service's configuration, and the service may run at the same time.
    config.view.clear();
  }
  return config;
}

// The signals of a keeper that keeps running. They are blocked before any thread starts, so that no thread is ended by
// one.
struct KeepSignals {
  UniqueFd to_end;
  UniqueFd to_trim;
};

Result<KeepSignals> take_signals() {
  IMAKEEP_TRY(auto to_end, daemon::EndWatch::take_signals());
  IMAKEEP_TRY(auto to_trim, signal_descriptor({SIGUSR1}));
  // The process that reads our output may end before us.
  ::signal(SIGPIPE, SIG_IGN);
  return KeepSignals{.to_end = std::move(to_end), .to_trim = std::move(to_trim)};
}

Result<void> run_until_stopped(daemon::KeepLoop& loop, const daemon::KeepConfig& config,
                               const daemon::Activity& activity, int to_trim, int to_end,
                               const monitor::MetricsSnapshot& snapshot) {
  const auto requests = daemon::RequestQueue::make(activity);
  if (!requests) return unexpected(requests.error());
  std::unique_ptr<monitor::MetricsServer> metrics;
  if (!config.metrics.empty()) {
    IMAKEEP_TRY(auto listening, monitor::MetricsServer::listen(config.metrics, snapshot));
    metrics = std::move(listening);
  }
  std::unique_ptr<control::SocketServer> server;
  if (!config.control.empty()) {
    auto listening = control::SocketServer::listen(
        config.control, [&requests](const control::Message& request) { return (*requests)->ask(request); });
    if (!listening) return unexpected(listening.error());
    server = std::move(*listening);
  }
  loop.run({.to_trim = to_trim, .to_end = to_end, .requests = **requests});
  return {};
}

Result<int> keep(const KeepCommand& command) {
  IMAKEEP_TRY(const auto& config, configuration(command));
  KeepSignals signals;
  if (!command.once) {
    IMAKEEP_TRY(auto taken, take_signals());
    signals = std::move(taken);
  }
  // NOLINTNEXTLINE(concurrency-mt-unsafe): no other thread runs yet
  monitor::KeepLog log(command.json, monitor::log_target(STDERR_FILENO, std::getenv("JOURNAL_STREAM")));
  daemon::Activity activity;
  activity.begin("starting");
  std::unique_ptr<daemon::EndWatch> end_watch;  // covers all calls that may hang, from here to the end
  if (!command.once) {
    auto watch = daemon::EndWatch::start(std::move(signals.to_end), activity, [&activity, &log] {
      log.say("hangs", "the keeper did not end within 4 s of the signal and ends by force: it has been " +
                           activity.text() + "; archived records are safe, and the others are still in the list");
    });
    if (!watch) return unexpected(watch.error());
    end_watch = std::move(*watch);
  }
  std::unique_ptr<daemon::ViewKeeper> view;
  if (!config.view.empty()) {
    IMAKEEP_TRY(auto prepared, daemon::ViewKeeper::prepare(config));
    view = std::move(prepared);
  }
  auto source = keeper::KernelImaSource::in(view ? view->source_path() : config.ima_dir, config.ima_dir);
  if (!source && source.error().os_errno == ENOTCONN) {
    source.error().message += "; if an earlier keeper left its view over the list's files, unmount it with: " +
                              std::string("imakeep view unmount --ima-dir ") + config.ima_dir;
  }
  if (!source) return unexpected(source.error());
  SystemClock clock;
  IMAKEEP_TRY(const auto& pcrs, pcrs::open_keep_pcrs(config.pcrs, clock));
  IMAKEEP_TRY(const auto& store, archive::SqliteStore::open(config.archive, archive::OpenMode::kCreate));
  if (const auto file = store->locked_file(); view && file) view->set_archive_file(*file);
  IMAKEEP_CHECK((*source)->take());
  archive::Archive archive(*store);
  if (pcrs.banks) {
    IMAKEEP_TRY(auto banks, daemon::banks_as_extended(**source, *pcrs.banks, archive));
    (*source)->set_banks(std::move(banks));
  }
  const bool of_kernel = !(*source)->directory().on_fuse();
  monitor::MetricsSnapshot snapshot;
  monitor::MetricsPublisher metrics(config.metrics_file, config.metrics.empty() ? nullptr : &snapshot);
  daemon::KeepLoop loop({.source = **source,
                         .list_directory = (*source)->directory().path(),
                         .archive = archive,
                         .pcrs = pcrs.banks.get(),
                         .clock = clock,
                         .log = log,
                         .metrics = metrics,
                         .activity = activity,
                         .view = view.get(),
                         .first_look =
                             [progress = std::shared_ptr<Progress>()](std::uint64_t read, std::uint64_t total) mutable {
                               if (!progress) progress = std::make_shared<Progress>("reading the list", total);
                               progress->at(read);
                               if (read >= total) progress.reset();
                             }},
                        config, of_kernel ? host::table_of_this_kernel() : pcrs.table);
  IMAKEEP_CHECK(loop.check_method());
  loop.say_what_is_kept();
  if (view && view->hidden()) {
    log.say("view-hidden",
            "the service manager did not pass the host's mount namespace: perhaps only this service sees the view; the "
            "unit needs ExecStartPre=+imakeep view share-namespace, NotifyAccess=exec and FileDescriptorStoreMax=");
  }
  if (command.once) {
    const auto no_problem = loop.once();
    if (!no_problem) return exit_code(no_problem.error());
    return *no_problem ? kDone : kNotAsItShouldBe;
  }
  IMAKEEP_CHECK(run_until_stopped(loop, config, activity, signals.to_trim.get(), end_watch->descriptor(), snapshot));
  return loop.last_look_failed() ? kEnvironmentForbids : kDone;
}

void add_option(const Command& command, const daemon::KeepOption& option, const std::shared_ptr<KeepCommand>& into) {
  const std::string flag = option.flag();
  if (option.kind == daemon::ValueKind::kSwitch) {
    command.add_switch(
        flag, [into, &option](bool on) { into->given.emplace_back(&option, on ? "true" : "false"); }, option.help);
    return;
  }
  command
      .add_option(
          flag, [into, &option](const std::string& text) { into->given.emplace_back(&option, text); }, option.help)
      .value_name(option.value_name);
}

}  // namespace

void add_keep(const Command& root) {
  auto options = std::make_shared<KeepCommand>();
  const Command command =
      root.add_command("keep", "archive a measurement list, and trim records that are archived and proven");
  command.add_option("--config", options->config_file, "TOML file with these options; the command line overrides it")
      .value_name("FILE");
  for (const daemon::KeepOption& option : daemon::keep_options()) add_option(command, option, options);
  command.add_flag("--once", options->once, "one look and one trim, without a view");
  command.add_flag("--json", options->json, "output as JSON, an object a line");
  command.set_action([options] {
    const auto ended = keep(*options);
    return ended ? *ended : report(ended.error());
  });
}

}  // namespace imakeep::app
