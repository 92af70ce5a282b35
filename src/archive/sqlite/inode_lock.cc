// SPDX-License-Identifier: Apache-2.0
#include "archive/sqlite/inode_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <mutex>
#include <utility>
#include <vector>

#include "base/file.h"

namespace imakeep::archive {
namespace {

struct Unlocked {
  FileIdentity file;
  UniqueFd fd;
};

std::mutex unlocked_mutex;
std::vector<Unlocked>& unlocked() {
  static std::vector<Unlocked> all;
  return all;
}

bool is_gone(const Unlocked& each) {
  struct stat status {};
  return ::fstat(each.fd.get(), &status) != 0 || status.st_nlink == 0;
}

// The descriptor of an earlier lock of the file, or a new descriptor.
Result<UniqueFd> descriptor_of(const std::string& path, const FileIdentity& file) {
  const std::lock_guard held(unlocked_mutex);
  std::erase_if(unlocked(), is_gone);
  for (Unlocked& each : unlocked()) {
    if (!(each.file == file)) continue;
    UniqueFd fd = std::move(each.fd);
    std::swap(each, unlocked().back());
    unlocked().pop_back();
    return fd;
  }
  return open_file(path, O_RDONLY);
}

void keep_open(UniqueFd fd, const FileIdentity& file) {
  const std::lock_guard held(unlocked_mutex);
  unlocked().push_back({.file = file, .fd = std::move(fd)});
}

}  // namespace

std::optional<FileIdentity> identity_of(const std::string& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) return std::nullopt;
  return FileIdentity{.device = status.st_dev, .inode = status.st_ino};
}

Result<InodeLock> InodeLock::take(const std::string& path) {
  const auto file = identity_of(path);
  if (!file) return fail_errno(errno, "cannot lock " + path);
  IMAKEEP_TRY(auto fd, descriptor_of(path, *file));
  if (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
    const int os_errno = errno;
    keep_open(std::move(fd), *file);
    if (os_errno != EWOULDBLOCK) return fail_errno(os_errno, "cannot lock " + path);
    return fail(ErrorCode::kEnvironment, path + " is being written by another process under another name");
  }
  return InodeLock(fd.release(), *file);
}

InodeLock::InodeLock(InodeLock&& other) noexcept : fd_(std::exchange(other.fd_, -1)), file_(other.file_) {}

InodeLock::~InodeLock() {
  if (fd_ < 0) return;
  static_cast<void>(::flock(fd_, LOCK_UN));
  keep_open(UniqueFd(fd_), file_);
}

}  // namespace imakeep::archive
