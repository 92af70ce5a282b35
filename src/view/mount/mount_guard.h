// SPDX-License-Identifier: Apache-2.0
// view/mount/mount_guard.h - mounts the view, binds its files over the kernel's, and undoes both when the keeper's
// process ends in any way. A mount whose daemon is dead hangs or fails every process that accesses it.
//
// A child process makes the mounts: this program, started again, so its main() must call run_if_mount_child(). The
// child ends when its connection to this process ends, so even SIGKILL of this process leaves nothing mounted. If this
// process is confined to a mount namespace of its own, the child can live in another one: the host's. If the child was
// killed or does not answer, the next call replaces it. The new child continues with the existing mounts. The guard's
// mounts have the type fuse.imakeep-view, and the guard unmounts nothing else. Each view has a unique source. So the
// child of a killed keeper does not unmount the view that the next keeper mounted in the same place.
//
// Source: mount(2), umount(2), setns(2), proc_pid_mountinfo(5). Threads: the same single thread makes all calls, and it
// must not end before the guard: the child would get SIGCONT only then (PR_SET_PDEATHSIG in prctl(2)).
// check() and uncover() take at most 40 s, the other calls 20 s, both with a child that does not answer.
#pragma once

#include <sys/types.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/file.h"
#include "view/mount/mount_protocol.h"

namespace imakeep::view {

// A file of the view, and the file of the source that it covers.
using Bind = std::pair<std::string, std::string>;

class MountGuard {
 public:
  // The child makes the mounts in `mount_namespace` if that is valid, else in this process's. kEnvironment if entering
  // the namespace is not permitted, or if the child does not begin.
  static Result<std::unique_ptr<MountGuard>> start(UniqueFd mount_namespace);
  // Ends the child, which unmounts everything unless leave_mounts(true) was called.
  ~MountGuard();
  MountGuard(const MountGuard&) = delete;
  MountGuard& operator=(const MountGuard&) = delete;

  // In all calls paths are absolute, because the child has another working directory.
  //
  // Runs check_mount_point() on the directory, in the namespace of the mounts. Creates the directory if it does not
  // exist. If a dead keeper left a view there and no process answers for it, unmounts that view first.
  Result<void> check(const std::string& directory);
  // Unmounts each view that covers a file of the directory and for which no process answers.
  Result<void> uncover(const std::string& directory);
  // Mounts the file system of `fuse`, an open /dev/fuse, on `directory`. Only the group may read the files.
  Result<void> mount(const std::string& directory, int fuse, uid_t owner, gid_t group);
  // Takes charge of a mount that the previous keeper made: the guard unmounts it like its own. kEnvironment if no view
  // is mounted there.
  Result<void> adopt(const std::string& directory, const std::vector<Bind>& binds);
  // Covers the second file of each pair with the first. Replaces a view that covers it already.
  Result<void> bind(const std::vector<Bind>& binds);
  // If `leave` is true, the mounts stay when this process ends: another process holds the descriptor and continues to
  // serve them.
  Result<void> leave_mounts(bool leave);
  // False if another process unmounted a part, or mounted something over it. kEnvironment if the child cannot tell now.
  Result<bool> in_place();
  Result<void> unmount();

  // Becomes readable, for poll(2), when the child has ended; -1 while no child runs.
  int descriptor() const { return socket_.get(); }
  // Count of replaced children.
  int replaced() const { return replaced_; }

 private:
  explicit MountGuard(UniqueFd mount_namespace) : mount_namespace_(std::move(mount_namespace)) {}
  Result<void> begin_child();
  void end_child();
  void kill_child();
  Result<void> replace_child();
  void forget_mounts();
  // Returns the child's answer. If the child is gone or does not answer, replaces it and asks the new one.
  Result<std::string> ask(MountCommand command, std::vector<std::string> arguments, int descriptor = -1);
  // Empty if no answer came in time; then the child has been killed.
  std::optional<Result<std::string>> exchange(const MountRequest& request, int descriptor);

  const UniqueFd mount_namespace_;  // where the mounts are made; invalid: in this process's
  UniqueFd socket_;
  pid_t child_ = -1;
  // The state that a replacement child needs.
  std::string source_;
  std::string directory_;
  std::vector<std::string> bound_;
  bool leave_ = false;
  int replaced_ = 0;
};

}  // namespace imakeep::view
