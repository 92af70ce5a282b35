// SPDX-License-Identifier: Apache-2.0
#include "host/disk_space.h"

#include <sys/statvfs.h>

namespace imakeep::host {

std::optional<DiskSpace> disk_space_at(const std::string& path) {
  struct statvfs status {};
  if (::statvfs(path.c_str(), &status) != 0) return std::nullopt;
  return DiskSpace{.free_bytes = std::uint64_t{status.f_bavail} * status.f_frsize,
                   .total_bytes = std::uint64_t{status.f_blocks} * status.f_frsize};
}

}  // namespace imakeep::host
