// fusefs/libfuse/mount.h - mounts a file tree by libfuse3.
//
// One thread receives requests, in the order in which the kernel sends them: so a close is known before the open that
// comes after it. An open that would be EBUSY is answered only after everything that the kernel has sent by then. Reads
// and writes are carried out by a pool, so a long one keeps nobody waiting.
// Threads: run() in one thread; stop() from any thread and from signal handlers.
#pragma once

#include <memory>
#include <string>

#include "base/result.h"
#include "fusefs/file_tree.h"

namespace imakeep::fusefs {

class Mount {
 public:
  // Mounts on `directory`, which is empty. Keeps a reference to `files`. kEnvironment: no such directory, not empty, a
  // mount point already, no /dev/fuse, no permission; the message says what to do.
  static Result<std::unique_ptr<Mount>> mount(FileTree& files, const std::string& directory);
  // Unmounts, also where files are open: their readers get ENOTCONN.
  virtual ~Mount() = default;

  // Serves until stop(), or until someone unmounts. kIo if the kernel's side fails.
  virtual Result<void> run() = 0;
  virtual void stop() = 0;
};

}  // namespace imakeep::fusefs
