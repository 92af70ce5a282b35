#include "fusefs/libfuse/mount_point.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <filesystem>

#include "base/file.h"

namespace imakeep::fusefs {
namespace {

unexpected<Error> unfit(const std::string& message) {
  return fail(ErrorCode::kEnvironment, message);
}

bool is_mount_point(const std::string& directory, const struct stat& itself) {
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
    return fail_errno(errno, "cannot look at mount point " + directory);
  }
  if (!S_ISDIR(found.st_mode)) return unfit("mount point " + directory + " is not a directory");
  if (is_mount_point(directory, found)) {
    return unfit(directory + " is a mount point already; umount it or choose another directory");
  }
  std::error_code failed;
  const bool empty = std::filesystem::is_empty(directory, failed);
  if (failed) return unfit("cannot look into mount point " + directory + ": " + failed.message());
  if (!empty) return unfit("mount point " + directory + " is not empty; choose an empty directory");
  if (const auto device = open_file("/dev/fuse", O_RDWR); !device) {
    return unfit(device.error().message + "; load the module with: modprobe fuse");
  }
  return {};
}

}  // namespace imakeep::fusefs
