// SPDX-License-Identifier: Apache-2.0
// view/mount/mount_child.h - the process that makes the keeper's mounts and undoes them when the keeper is gone.
//
// It is the keeper's own program, started anew: fork() alone would leave it with locks that threads of the keeper held
// in that moment, and nobody would ever release them.
// Threads: one.
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace imakeep::view {

// The arguments with which MountGuard starts the child. `mount_namespace` is -1 if the child stays in the keeper's.
std::vector<std::string> mount_child_arguments(int socket, int mount_namespace);

// main() of a program that uses MountGuard calls this before anything else. If the arguments are those of a mount
// child, serves requests until the connection ends and returns the exit code. Else returns nothing, at once.
std::optional<int> run_if_mount_child(int argc, const char* const* argv);

}  // namespace imakeep::view
