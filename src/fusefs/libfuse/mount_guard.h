// fusefs/libfuse/mount_guard.h - mounts the view and binds its files, and undoes both when its process is gone, however
// that ended: a mount whose daemon died is dead, and hangs or fails everybody who looks.
//
// A child process does it, which ends with the connection to this one: so SIGKILL of this process leaves nothing
// mounted. The child may live in another mount namespace, the host's, where this process is shut up in one of its own.
// Its mounts have the type fuse.imakeep-view, and nothing else is ever unmounted; each view has a source of its own, so
// that the child of a keeper that was killed leaves alone what the next one mounted in its place.
//
// Source: mount(2), umount(2), setns(2), proc_pid_mountinfo(5). Threads: start() before any other thread; the rest by
// one.
#pragma once

#include <sys/types.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/file.h"

namespace imakeep::fusefs {

// A file of the view, and the file of the source that it is to cover.
using Bind = std::pair<std::string, std::string>;

class MountGuard {
 public:
  // `mount_namespace`, if it is valid, is where the mounts are made. kEnvironment if that is not allowed.
  static Result<std::unique_ptr<MountGuard>> start(const UniqueFd& mount_namespace);
  // Ends the child, which unmounts everything.
  ~MountGuard();
  MountGuard(const MountGuard&) = delete;
  MountGuard& operator=(const MountGuard&) = delete;

  // Paths are absolute: the child is somewhere else.
  // What check_mount_point() says of the directory, where the mounts are made; it is made if it is not there. A view
  // that a dead keeper left on it, for which nobody answers, is unmounted first.
  Result<void> check(const std::string& directory);
  // Takes from the directory's files what covers them and is a view that nobody answers for.
  Result<void> uncover(const std::string& directory);
  // Mounts the file system of `fuse`, an open /dev/fuse, on `directory`. Files are readable by the group alone.
  Result<void> mount(const std::string& directory, int fuse, uid_t owner, gid_t group);
  // There is such a mount, made by the keeper before: it is unmounted as if it were ours. kEnvironment if there is
  // none.
  Result<void> adopt(const std::string& directory, const std::vector<Bind>& binds);
  // Covers each second by the first, in the place of what covers it already.
  Result<void> bind(const std::vector<Bind>& binds);
  // Leaves the mounts where they are when this process ends: somebody else has the descriptor, and goes on with it.
  Result<void> leave_mounts(bool leave);
  // kEnvironment if somebody unmounted any of it, or put something over it.
  Result<void> stands();
  Result<void> unmount();

 private:
  MountGuard(UniqueFd socket, pid_t child) : socket_(std::move(socket)), child_(child) {}
  Result<void> ask(char what, const std::string& arguments, int descriptor = -1);

  UniqueFd socket_;
  const pid_t child_;
};

// Goes to the mount namespace of process 1, which is where the host's mounts are. Only a process with one thread can.
Result<void> join_host_mounts();

// Unmounts whatever views lie on `view` and on files of the directory `covered`, in this process's mount namespace;
// either may be empty. Returns how many that were; errno's error if one stays.
Result<std::size_t> unmount_views(const std::string& view, const std::string& covered);

}  // namespace imakeep::fusefs
