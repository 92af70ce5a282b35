// SPDX-License-Identifier: Apache-2.0
// fuse/mount_point.h - checks whether a directory can be mounted on, with clearer messages than libfuse's.
// Threads: no shared state.
#pragma once

#include <string>

#include "base/result.h"

namespace imakeep::fuse {

// kEnvironment if the directory is missing, is not empty or is a mount point already, or if the machine has no
// /dev/fuse. The message says what to do.
Result<void> check_mount_point(const std::string& directory);

}  // namespace imakeep::fuse
