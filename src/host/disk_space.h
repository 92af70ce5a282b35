// SPDX-License-Identifier: Apache-2.0
// host/disk_space.h - free and total space of a file system. Threads: no shared state.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace imakeep::host {

struct DiskSpace {
  std::uint64_t free_bytes = 0;  // available to users other than root
  std::uint64_t total_bytes = 0;
};

// Space of the file system that contains `path`; empty if it cannot be determined.
std::optional<DiskSpace> disk_space_at(const std::string& path);

}  // namespace imakeep::host
