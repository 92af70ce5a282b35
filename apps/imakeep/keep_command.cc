#include <sys/signalfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <memory>

#include "archive/sqlite/sqlite_store.h"
#include "boot_options.h"
#include "commands.h"
#include "control/socket_server.h"
#include "keep_loop.h"
#include "keep_pcrs.h"
#include "keep_view.h"
#include "metrics_server.h"
#include "terminal.h"

namespace imakeep::app {
namespace {

struct KeepCommand {
  std::optional<std::string> config_file;
  std::vector<std::pair<const KeepOption*, std::string>> given;  // on the command line, which overrides the file
  bool once = false;
  bool json = false;
};

Result<KeepConfig> configuration(const KeepCommand& command) {
  KeepConfig config;
  if (command.config_file) IMAKEEP_CHECK(read_keep_config(config, *command.config_file));
  for (const auto& [option, text] : command.given) {
    if (const auto set = option->set(config, text); !set) return unexpected(named(set.error(), option->flag()));
  }
  if (config.archive.empty()) {
    return fail(ErrorCode::kUsage, "name the archive, with --archive or in the file of --config");
  }
  if (config.view.empty() && (config.bind || !config.group.empty())) {
    return fail(ErrorCode::kUsage, "--group and --bind are of a view: name where it is mounted, with --view");
  }
  if (command.once) {
    const auto names_view = [](const auto& given) { return std::string_view(given.first->name) == "view"; };
    if (std::ranges::any_of(command.given, names_view)) {
      return fail(ErrorCode::kUsage, "a view lasts as long as the keeper: leave out --once or --view");
    }
    // The file is that of the service, which may run meanwhile.
    config.view.clear();
  }
  return config;
}

// The signals that the loop takes. Blocked before any thread is started, so that none of them is stopped by one.
Result<UniqueFd> take_signals() {
  sigset_t taken;
  ::sigemptyset(&taken);
  for (const int signal : {SIGTERM, SIGINT, SIGHUP, SIGUSR1}) ::sigaddset(&taken, signal);
  if (const int failed = ::pthread_sigmask(SIG_BLOCK, &taken, nullptr); failed != 0) {
    return fail_errno(failed, "cannot block signals");
  }
  UniqueFd fd(::signalfd(-1, &taken, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!fd.valid()) return fail_errno(errno, "cannot make a signalfd");
  return fd;
}

Result<void> run_until_stopped(KeepLoop& loop, const KeepConfig& config, const UniqueFd& signals,
                               const MetricsSnapshot& snapshot) {
  const auto requests = RequestQueue::make();
  if (!requests) return unexpected(requests.error());
  std::unique_ptr<MetricsServer> metrics;
  if (!config.metrics.empty()) {
    auto listening = MetricsServer::listen(config.metrics, snapshot);
    if (!listening) return unexpected(listening.error());
    metrics = std::move(*listening);
  }
  std::unique_ptr<control::SocketServer> server;
  if (!config.control.empty()) {
    auto listening = control::SocketServer::listen(
        config.control, [&requests](const control::Message& request) { return (*requests)->ask(request); });
    if (!listening) return unexpected(listening.error());
    server = std::move(*listening);
  }
  loop.run(signals.get(), **requests);
  return {};
}

Result<int> keep(const KeepCommand& command) {
  const auto config = configuration(command);
  if (!config) return unexpected(config.error());
  UniqueFd signals;
  if (!command.once) {
    auto taken = take_signals();
    if (!taken) return unexpected(taken.error());
    signals = std::move(*taken);
    // Whoever reads what we say may end before us.
    ::signal(SIGPIPE, SIG_IGN);
  }
  std::unique_ptr<KeepView> view;
  if (!config->view.empty()) {
    auto prepared = KeepView::prepare(*config);
    if (!prepared) return unexpected(prepared.error());
    view = std::move(*prepared);
  }
  auto source = keeper::KernelImaSource::in(view ? view->source_path() : config->ima_dir, config->ima_dir);
  if (!source && source.error().os_errno == ENOTCONN) {
    source.error().message += "; if a keeper that is gone left its view over the list's files, take it away with: " +
                              std::string("imakeep view unmount --ima-dir ") + config->ima_dir;
  }
  if (!source) return unexpected(source.error());
  if (view) view->begin_catching_up((*source)->directory());
  const auto pcrs = open_keep_pcrs(config->pcrs);
  if (!pcrs) return unexpected(pcrs.error());
  const auto store = archive::SqliteStore::open(config->archive, archive::OpenMode::kCreate);
  if (!store) return unexpected(store.error());
  archive::Archive archive(**store);
  const bool of_kernel = !(*source)->directory().on_fuse();
  SystemClock clock;
  // NOLINTNEXTLINE(concurrency-mt-unsafe): no other thread runs yet
  KeepLog log(command.json, log_target(STDERR_FILENO, std::getenv("JOURNAL_STREAM")));
  MetricsSnapshot snapshot;
  MetricsPublisher metrics(config->metrics_file, config->metrics.empty() ? nullptr : &snapshot);
  KeepLoop loop({.source = **source,
                 .archive = archive,
                 .pcrs = pcrs->banks.get(),
                 .clock = clock,
                 .log = log,
                 .metrics = metrics,
                 .view = view.get()},
                *config, of_kernel ? table_of_this_kernel() : pcrs->table);
  IMAKEEP_CHECK(loop.check_method());
  loop.say_what_is_kept();
  if (view && view->hidden()) {
    log.say(
        "view-hidden",
        "the service manager did not say where the host's mounts are: the view may be seen by this service alone; the "
        "unit wants ExecStartPre=+imakeep view share-namespace, NotifyAccess=exec and FileDescriptorStoreMax=");
  }
  if (command.once) return loop.once();
  IMAKEEP_CHECK(run_until_stopped(loop, *config, signals, snapshot));
  return kDone;
}

void add_option(CLI::App* command, const KeepOption& option, const std::shared_ptr<KeepCommand>& into) {
  const std::string flag = option.flag();
  if (option.kind == ValueKind::kSwitch) {
    command
        ->add_flag_function(
            flag + ",!--no" + flag.substr(1),
            [into, &option](std::int64_t count) { into->given.emplace_back(&option, count > 0 ? "true" : "false"); },
            option.help)
        ->take_last();
    return;
  }
  command
      ->add_option_function<std::string>(
          flag, [into, &option](const std::string& text) { into->given.emplace_back(&option, text); }, option.help)
      ->type_name(option.value_name)
      ->take_last();
}

}  // namespace

void add_keep(CLI::App& root, int& exit_code) {
  auto options = std::make_shared<KeepCommand>();
  CLI::App* const command =
      root.add_subcommand("keep", "archive a measurement list, and take out of it what is archived and proven");
  command->add_option("--config", options->config_file, "TOML file with these options; the command line overrides it")
      ->type_name("FILE");
  for (const KeepOption& option : keep_options()) add_option(command, option, options);
  command->add_flag("--once", options->once, "do it once, and end");
  command->add_flag("--json", options->json, "print what happens as JSON, an object a line");
  command->callback([options, &exit_code] {
    const auto ended = keep(*options);
    exit_code = ended ? *ended : report(ended.error());
  });
}

}  // namespace imakeep::app
