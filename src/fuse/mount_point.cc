// SPDX-License-Identifier: Apache-2.0
#include "fuse/mount_point.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <filesystem>

#include "base/file.h"

namespace imakeep::fuse {
namespace {

unexpected<Error> unfit(const std::string& message) {
  return fail(ErrorCode::kEnvironment, message);
}

// A bind mount may have the same device number as its parent directory. Only statx(2) tells them apart, since Linux
// 5.8.
bool is_mount_point(const std::string& directory, const struct stat& itself) {
  struct statx status {};
  if (::statx(AT_FDCWD, directory.c_str(), 0, STATX_TYPE, &status) == 0 &&
      (status.stx_attributes_mask & STATX_ATTR_MOUNT_ROOT) != 0) {
    return (status.stx_attributes & STATX_ATTR_MOUNT_ROOT) != 0;
  }
  struct stat parent {};
  return ::stat((directory + "/..").c_str(), &parent) == 0 && parent.st_dev != itself.st_dev;
}

}  // namespace

Result<void> check_mount_point(const std::string& directory) {
  struct stat found {};
  if (::stat(directory.c_str(), &found) != 0) {
    if (errno == ENOENT) return unfit("mount point " + directory + " does not exist; make it with mkdir");
    if (errno == ENOTCONN) {
      return unfit("mount point " + directory + " is left from a process that died; free it with: umount " + directory);
    }
    return fail_errno(errno, "cannot stat mount point " + directory);
  }
  if (!S_ISDIR(found.st_mode)) return unfit("mount point " + directory + " is not a directory");
  if (is_mount_point(directory, found)) {
    return unfit(
        directory +
        " is a mount point already, of a file system or of a bind mount; umount it or choose another directory");
  }
  std::error_code failed;
  const bool empty = std::filesystem::is_empty(directory, failed);
  if (failed) return unfit("cannot read mount point " + directory + ": " + failed.message());
  if (!empty) return unfit("mount point " + directory + " is not empty; choose an empty directory");
  if (const auto device = open_file("/dev/fuse", O_RDWR); !device) {
    return unfit(device.error().message + "; load the module with: modprobe fuse");
  }
  return {};
}

}  // namespace imakeep::fuse
