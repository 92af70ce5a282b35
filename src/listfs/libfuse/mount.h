// SPDX-License-Identifier: Apache-2.0
// listfs/libfuse/mount.h - mounts a file tree with libfuse3.
//
// One thread receives requests in the order in which the kernel sends them. So the mount sees a close before the open
// that follows it. If an open would fail with EBUSY, the mount answers it only after it has handled every request that
// the kernel had sent by then. A pool of threads carries out reads and writes, so a long one delays no other request.
// Threads: run() in one thread; stop() from any thread and from signal handlers.
#pragma once

#include <memory>
#include <string>

#include "base/result.h"
#include "listfs/file_tree.h"

namespace imakeep::listfs {

class Mount {
 public:
  // Mounts on `directory`, which must be empty. Keeps a reference to `files`. kEnvironment: the directory does not
  // exist, is not empty or is a mount point already; /dev/fuse is missing; permission is denied. The message says what
  // to do.
  static Result<std::unique_ptr<Mount>> mount(FileTree& files, const std::string& directory);
  // Unmounts even if files are open. Their readers get ENOTCONN.
  virtual ~Mount() = default;

  // Serves until stop(), or until someone unmounts. kIo if /dev/fuse fails.
  virtual Result<void> run() = 0;
  virtual void stop() = 0;
};

}  // namespace imakeep::listfs
