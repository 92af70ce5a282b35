// fusefs/libfuse/mount_point.h - whether a directory can be mounted on, said before libfuse says it less clearly.
// Threads: no shared state.
#pragma once

#include <string>

#include "base/result.h"

namespace imakeep::fusefs {

// kEnvironment, with what to do, for a directory that is missing, not empty, or a mount point already, and for a
// machine without /dev/fuse.
Result<void> check_mount_point(const std::string& directory);

}  // namespace imakeep::fusefs
