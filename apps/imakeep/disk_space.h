// disk_space.h - how full a file system is. Threads: no shared state.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace imakeep::app {

struct DiskSpace {
  std::uint64_t free_bytes = 0;  // that a user who is not root may still take
  std::uint64_t total_bytes = 0;
};

// Of the file system that `path` lies on; empty if it cannot be asked.
std::optional<DiskSpace> disk_space_at(const std::string& path);

}  // namespace imakeep::app
