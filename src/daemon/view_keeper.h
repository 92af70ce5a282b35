// SPDX-License-Identifier: Apache-2.0
// daemon/view_keeper.h - the keeper's view of the list. The keeper mounts the view after it has read the list, and
// mounts the view's files over the list's own files if --bind asks for that. If systemd stores the descriptors, the
// next keeper takes the view over.
//
// Under systemd these descriptors come from the service's file descriptor store (sd_listen_fds(3)):
//   mountns     the mount namespace to mount in, stored by `imakeep view share-namespace`
//   view        the /dev/fuse descriptor of the previous keeper's file system
//   view-state  the chain that the view's names show, a digest of the names, and the session's first request
// Threads: one, the same for all calls.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <optional>
#include <thread>

#include "archive/sqlite/inode_lock.h"
#include "base/clock.h"
#include "base/mutex.h"
#include "daemon/keep_config.h"
#include "view/catch_up.h"
#include "view/libfuse/view_server.h"
#include "view/mount/mount_guard.h"

namespace imakeep::daemon {

class ViewKeeper {
 public:
  // Starts the process that mounts, and checks whether a view is possible. kUsage for a group that does not exist;
  // kEnvironment for a mount point that cannot be used, or if mounting is not permitted.
  // REQUIRES: config.view is an absolute path.
  static Result<std::unique_ptr<ViewKeeper>> prepare(const KeepConfig& config);
  // Unmounts, unless the service manager holds the descriptors for the next keeper.
  ~ViewKeeper();
  ViewKeeper(const ViewKeeper&) = delete;
  ViewKeeper& operator=(const ViewKeeper&) = delete;

  // The directory in which the list's own files can be read, even while the view covers them: a private mount of their
  // directory, or, without --bind, that directory.
  const std::string& source_path() const { return source_path_; }

  // The archive's file. REQUIRES: called before show().
  void set_archive_file(const archive::FileIdentity& file) { archive_file_ = file; }

  // Shows what the archive holds, in these banks. Mounts the view if it is not mounted. After an error, an intact mount
  // stays, and the caller may retry. Returns true if this call covered the list's files.
  Result<bool> show(archive::Archive& archive, const std::vector<digest::Bank>& banks);

  // Readable, for poll(2), once the process that mounts has ended; -1 if none could be started. look_after_mounts()
  // then starts another one, and show() mounts the view again if it is gone.
  int descriptor() const { return guard_->descriptor(); }
  void look_after_mounts();
  // Count of mount children that were replaced because they had ended or did not answer.
  int replaced_mounters() const { return guard_->replaced(); }

  // Where readers of the view wait.
  view::CatchUp& catch_up() { return *catch_up_; }

  // Why the view cannot show the whole list; empty if it can.
  std::string damage() const { return files_ ? files_->damage() : ""; }

  // True if systemd did not pass the host's mount namespace. The view is then mounted in this process's own namespace,
  // where perhaps no other process sees it.
  bool hidden() const { return under_manager_ && !store_works_; }
  bool mounted() const { return server_ != nullptr && !ended_; }
  archive::ChainId chain() const { return files_ ? files_->chain() : archive::kNoChain; }

 private:
  explicit ViewKeeper(const KeepConfig& config) : config_(config) {}

  Result<void> cover_source();
  Result<void> mount();
  bool take_over() IMAKEEP_EXCLUDES(state_mutex_);
  void serve(std::unique_ptr<view::ViewServer> server);
  void stop_serving();
  Result<std::vector<view::Bind>> binds() const;
  Bytes digest_of_names() const;
  void remember(ByteView first_request) IMAKEEP_EXCLUDES(state_mutex_);
  void remember_chain() IMAKEEP_EXCLUDES(state_mutex_);

  const KeepConfig config_;
  std::optional<archive::FileIdentity> archive_file_;
  std::uint32_t group_ = 0;
  std::map<std::string, UniqueFd> inherited_;  // by name
  bool under_manager_ = false;                 // a service manager started this process
  bool store_works_ = false;                   // the service manager stores descriptors for us
  UniqueFd private_mount_;
  std::string source_path_;
  std::unique_ptr<view::MountGuard> guard_;
  std::unique_ptr<view::CatchUp> catch_up_;  // null until prepare() has succeeded
  SystemClock clock_;
  std::unique_ptr<view::ViewFiles> files_;
  std::unique_ptr<view::ViewServer> server_;
  Mutex state_mutex_;
  // The state that the next keeper needs to take the view over.
  UniqueFd state_ IMAKEEP_GUARDED_BY(state_mutex_);
  archive::ChainId bound_chain_;  // the chain whose files cover the list's own files
  std::thread thread_;
  std::atomic<bool> ended_ = false;  // another process unmounted the view
};

}  // namespace imakeep::daemon
