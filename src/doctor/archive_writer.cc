// SPDX-License-Identifier: Apache-2.0
#include "doctor/archive_writer.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <cstdio>
#include <filesystem>
#include <sstream>

#include "base/file.h"

namespace imakeep::doctor {
namespace {

constexpr int kMostTries = 5;

// A line of mountinfo is "ID PARENT MAJOR:MINOR ROOT ...".
std::optional<dev_t> device_of_mount(std::uint64_t mount_id) {
  const auto mounts = read_file("/proc/self/mountinfo");
  std::istringstream lines{std::string(mounts ? as_text(*mounts) : std::string_view())};
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::uint64_t id = 0;
    std::uint64_t parent = 0;
    unsigned int major = 0;
    unsigned int minor = 0;
    char colon = 0;
    if (words >> id >> parent >> major >> colon >> minor && id == mount_id) return ::makedev(major, minor);
  }
  return std::nullopt;
}

}  // namespace

std::optional<LockedFile> locked_file(const std::string& path) {
  struct statx status {};
  if (::statx(AT_FDCWD, path.c_str(), 0, STATX_INO | STATX_MNT_ID, &status) != 0) return std::nullopt;
  LockedFile file{.major = status.stx_dev_major, .minor = status.stx_dev_minor, .inode = status.stx_ino};
  if ((status.stx_mask & STATX_MNT_ID) == 0) return file;  // before Linux 5.8
  if (const auto device = device_of_mount(status.stx_mnt_id)) {
    file.major = ::major(*device);
    file.minor = ::minor(*device);
  }
  return file;
}

std::optional<std::string> flock_holder(std::string_view locks, const LockedFile& file) {
  char wanted[64];
  std::snprintf(wanted, sizeof wanted, "%02x:%02x:%llu", file.major, file.minor,
                static_cast<unsigned long long>(file.inode));
  std::istringstream lines{std::string(locks)};
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string number, kind, advisory, access, pid, id;
    words >> number >> kind >> advisory >> access >> pid >> id;
    if (kind == "FLOCK" && id == wanted) return pid;
  }
  return std::nullopt;
}

std::optional<std::string> writer_of(const std::string& archive) {
  std::error_code missing;
  const std::string path = std::filesystem::canonical(archive, missing).string();
  if (missing) return std::nullopt;
  const auto file = locked_file(path + ".lock");
  if (!file) return std::nullopt;
  // Linux returns the table piece by piece. If other processes take and release locks meanwhile, a read may miss a
  // lock.
  for (int tries = 0; tries < kMostTries; ++tries) {
    const auto locks = read_file("/proc/locks");
    if (!locks) return std::nullopt;
    if (auto holder = flock_holder(as_text(*locks), *file)) return holder;
  }
  return std::nullopt;
}

}  // namespace imakeep::doctor
