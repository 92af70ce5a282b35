// `imakeep view`: what the service's unit needs around the keeper.
#include <fcntl.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <optional>

#include <systemd/sd-daemon.h>

#include "commands.h"
#include "fusefs/libfuse/mount_guard.h"
#include "keep_config.h"
#include "terminal.h"

namespace imakeep::app {
namespace {

constexpr std::uint64_t kMostWaitUs = 5'000'000;

// For the keeper that starts next in the same unit: where the host's mounts are.
Result<int> share_namespace() {
  // Not our own: systemd gives even a command with "+" mounts of its own.
  const auto mounts = open_file("/proc/1/ns/mnt", O_RDONLY);
  if (!mounts) return unexpected(mounts.error());
  const int fd = mounts->get();
  const int sent = ::sd_pid_notify_with_fds(0, 0, "FDSTORE=1\nFDNAME=mountns", &fd, 1);
  if (sent > 0 && ::sd_notify_barrier(0, kMostWaitUs) >= 0) return kDone;
  return fail(
      ErrorCode::kEnvironment,
      "there is no service manager to give the mount namespace to: this is for ExecStartPre=+ of a unit that has "
      "NotifyAccess= and FileDescriptorStoreMax=");
}

struct Unmount {
  std::optional<std::string> config_file;
  std::string view;
  std::string ima_dir;
  bool host = false;
};

Result<int> unmount(const Unmount& command) {
  KeepConfig config;
  if (command.config_file) IMAKEEP_CHECK(read_keep_config(config, *command.config_file));
  if (!command.view.empty()) config.view = command.view;
  if (!command.ima_dir.empty()) config.ima_dir = command.ima_dir;
  // systemd says so in ExecStopPost=. After a crash the next keeper takes the mounts over.
  const char* const result = std::getenv("SERVICE_RESULT");  // NOLINT(concurrency-mt-unsafe): there is one thread
  if (result != nullptr && std::string_view(result) != "success") return kDone;
  // Before the working directory changes with the mounts.
  for (std::string* const path : {&config.view, &config.ima_dir}) {
    if (!path->empty()) *path = std::filesystem::absolute(*path);
  }
  if (command.host) IMAKEEP_CHECK(fusefs::join_host_mounts());
  const auto undone = fusefs::unmount_views(config.view, config.ima_dir);
  if (!undone) return unexpected(undone.error());
  return kDone;
}

}  // namespace

void add_view(CLI::App& root, int& exit_code) {
  CLI::App* const view = root.add_subcommand("view", "for the service's unit: what the keeper's view needs around it");
  view->require_subcommand(1);
  view->add_subcommand("share-namespace", "give the mount namespace to the service manager, for the keeper to mount in")
      ->callback([&exit_code] {
        const auto ended = share_namespace();
        exit_code = ended ? *ended : report(ended.error());
      });
  auto options = std::make_shared<Unmount>();
  CLI::App* const command =
      view->add_subcommand("unmount",
                           "unmount what a keeper that is gone left mounted; nothing after a crash that "
                           "$SERVICE_RESULT tells of");
  command->add_option("--config", options->config_file, "the keeper's TOML file")->type_name("FILE");
  command->add_option("--view", options->view, "where the view is mounted")->type_name("DIR");
  command->add_option("--ima-dir", options->ima_dir, "the directory whose files it may cover")->type_name("DIR");
  command->add_flag("--host", options->host, "among the mounts of process 1, which a service may not see");
  command->callback([options, &exit_code] {
    const auto ended = unmount(*options);
    exit_code = ended ? *ended : report(ended.error());
  });
}

}  // namespace imakeep::app
