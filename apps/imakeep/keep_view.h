// keep_view.h - the view beside a keeper: mounted once the list was read, bound over the list's own files if that is
// wanted, and handed to the keeper that starts after this one where systemd holds on to its descriptor.
//
// Under systemd these descriptors come from the service's file descriptor store (sd_listen_fds(3)):
//   mountns     the mount namespace to mount in, put there by `imakeep view share-namespace`
//   view        the file system's /dev/fuse, of the keeper before
//   view-state  the chain that its names lead to, a digest of the names, and the first request of its session
// Threads: one, the same for all calls; prepare() before any other thread is started.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <thread>

#include "base/clock.h"
#include "base/mutex.h"
#include "catch_up.h"
#include "fusefs/libfuse/mount_guard.h"
#include "fusefs/libfuse/view_server.h"
#include "keep_config.h"

namespace imakeep::app {

class KeepView {
 public:
  // Starts the process that mounts, and looks whether there can be a view. kUsage for a group that does not exist;
  // kEnvironment for a mount point that cannot be one, or what mounting is not allowed to.
  static Result<std::unique_ptr<KeepView>> prepare(const KeepConfig& config);
  // Unmounts.
  ~KeepView();
  KeepView(const KeepView&) = delete;
  KeepView& operator=(const KeepView&) = delete;

  // Where the list's own files are, though they be covered: a private mount of their directory, or just that.
  const std::string& source_path() const { return source_path_; }

  // Shows what the archive holds, of these banks; mounts if nothing is mounted. What fails leaves everything as it is,
  // and may be tried again. True if the list's files were covered just now.
  Result<bool> show(archive::Archive& archive, const std::vector<digest::Bank>& banks);

  // Whom the view's readers wait for, once there are any: `source` is the list's directory. Null before.
  CatchUp* catch_up() { return catch_up_.get(); }
  void begin_catching_up(const imalog::ImaDirectory& source);

  // Why not all of the list can be shown; empty if it can.
  std::string damage() const { return files_ ? files_->damage() : ""; }

  // systemd did not say where the host's mounts are, so the view is where this process is: perhaps for nobody to see.
  bool hidden() const { return under_manager_ && !store_works_; }
  bool mounted() const { return server_ != nullptr && !ended_; }
  std::uint64_t chain() const { return files_ ? files_->chain() : 0; }

 private:
  explicit KeepView(const KeepConfig& config) : config_(config) {}

  Result<void> cover_source();
  Result<void> mount();
  bool take_over() IMAKEEP_EXCLUDES(state_mutex_);
  void serve(std::unique_ptr<fusefs::ViewServer> server);
  void stop_serving();
  Result<std::vector<fusefs::Bind>> binds() const;
  Bytes digest_of_names() const;
  void remember(ByteView first_request) IMAKEEP_EXCLUDES(state_mutex_);
  void remember_chain() IMAKEEP_EXCLUDES(state_mutex_);

  const KeepConfig config_;
  std::uint32_t group_ = 0;
  std::map<std::string, UniqueFd> inherited_;  // by name
  bool under_manager_ = false;                 // there is a service manager
  bool store_works_ = false;                   // the service manager keeps descriptors for us
  UniqueFd private_mount_;
  std::string source_path_;
  std::unique_ptr<fusefs::MountGuard> guard_;
  std::unique_ptr<CatchUp> catch_up_;
  SystemClock clock_;
  std::unique_ptr<fusefs::ViewFiles> files_;
  std::unique_ptr<fusefs::ViewServer> server_;
  Mutex state_mutex_;
  // What is remembered for the keeper after this one.
  UniqueFd state_ IMAKEEP_GUARDED_BY(state_mutex_);
  std::uint64_t bound_chain_ = 0;  // whose files cover the list's own
  std::thread thread_;
  std::atomic<bool> ended_ = false;  // somebody unmounted it
};

}  // namespace imakeep::app
