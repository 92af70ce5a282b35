// SPDX-License-Identifier: Apache-2.0
// archive/sqlite/inode_lock.h - the writer's lock on the archive's inode. It excludes a second writer under any name.
//
// The lock is a flock(2), which does not conflict with SQLite's fcntl(2) locks. If a process closes any descriptor of a
// file, Linux drops all its fcntl(2) locks on that file, also those of SQLite's connections. So a descriptor that was
// once locked stays open until its file is deleted, and the next lock of the same file reuses it.
// Threads: safe from any thread.
#pragma once

#include <sys/stat.h>

#include <optional>
#include <string>

#include "base/result.h"

namespace imakeep::archive {

// The file that a name refers to.
struct FileIdentity {
  dev_t device = 0;
  ino_t inode = 0;

  friend bool operator==(const FileIdentity&, const FileIdentity&) = default;
};

// Empty if the file does not exist.
std::optional<FileIdentity> identity_of(const std::string& path);

class InodeLock {
 public:
  // kEnvironment if another open file description holds the lock: another process, or another InodeLock of this one.
  static Result<InodeLock> take(const std::string& path);
  InodeLock(InodeLock&& other) noexcept;
  InodeLock& operator=(InodeLock&&) = delete;
  ~InodeLock();

  const FileIdentity& file() const { return file_; }

 private:
  InodeLock(int fd, const FileIdentity& file) : fd_(fd), file_(file) {}

  int fd_ = -1;
  FileIdentity file_;
};

}  // namespace imakeep::archive
