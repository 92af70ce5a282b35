// SPDX-License-Identifier: Apache-2.0
// `imakeep view`: helper commands that the service's unit runs before and after the keeper.
#include <fcntl.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <optional>

#include <systemd/sd-daemon.h>

#include "cli/terminal.h"
#include "commands.h"
#include "daemon/keep_config.h"
#include "view/mount/view_mounts.h"

namespace imakeep::app {
namespace {

constexpr std::uint64_t kMostWaitUs = 5'000'000;

// Stores the host's mount namespace in the service manager, for the next keeper of the same unit.
Result<int> share_namespace() {
  // Use process 1's namespace and not our own: systemd gives even a command with "+" a mount namespace of its own.
  IMAKEEP_TRY(const auto& mounts, open_file("/proc/1/ns/mnt", O_RDONLY));
  const int fd = mounts.get();
  const int sent = ::sd_pid_notify_with_fds(0, 0, "FDSTORE=1\nFDNAME=mountns", &fd, 1);
  if (sent > 0 && ::sd_notify_barrier(0, kMostWaitUs) >= 0) return kDone;
  return fail(ErrorCode::kEnvironment,
              "no service manager stored the mount namespace: use this command in ExecStartPre=+ of a unit that has "
              "NotifyAccess= and FileDescriptorStoreMax=");
}

struct Unmount {
  std::optional<std::string> config_file;
  std::string view;
  std::string ima_dir;
  bool host = false;
};

Result<int> unmount(const Unmount& command) {
  daemon::KeepConfig config;
  if (command.config_file) IMAKEEP_CHECK(daemon::read_keep_config(config, *command.config_file));
  if (!command.view.empty()) config.view = command.view;
  if (!command.ima_dir.empty()) config.ima_dir = command.ima_dir;
  // In ExecStopPost=, systemd sets SERVICE_RESULT. After a crash, leave the mounts, because the next keeper takes them
  // over.
  const char* const result =
      std::getenv("SERVICE_RESULT");  // NOLINT(concurrency-mt-unsafe): the process has one thread
  if (result != nullptr && std::string_view(result) != "success") return kDone;
  // Make the paths absolute now, because entering the other mount namespace changes the working directory.
  for (std::string* const path : {&config.view, &config.ima_dir}) {
    if (!path->empty()) *path = std::filesystem::absolute(*path);
  }
  if (command.host) IMAKEEP_CHECK(view::join_host_mounts());
  const auto undone = view::unmount_views(config.view, config.ima_dir);
  if (!undone) return unexpected(undone.error());
  return kDone;
}

}  // namespace

void add_view(const Command& root) {
  const Command view = root.add_command("view", "commands that the service's unit runs for the keeper's view");
  view.require_command();
  view.add_command("share-namespace",
                   "store the host's mount namespace in the service manager, for the keeper's mounts")
      .set_action([] {
        const auto ended = share_namespace();
        return ended ? *ended : report(ended.error());
      });
  auto options = std::make_shared<Unmount>();
  const Command command =
      view.add_command("unmount",
                       "unmount views that an ended keeper left mounted; no effect if $SERVICE_RESULT is set and "
                       "not success");
  command.add_option("--config", options->config_file, "TOML file of the keeper").value_name("FILE");
  command.add_option("--view", options->view, "mount point of the view").value_name("DIR");
  command.add_option("--ima-dir", options->ima_dir, "directory whose files the view may cover").value_name("DIR");
  command.add_flag("--host", options->host, "mounts of process 1, which a service may not see");
  command.set_action([options] {
    const auto ended = unmount(*options);
    return ended ? *ended : report(ended.error());
  });
}

}  // namespace imakeep::app
