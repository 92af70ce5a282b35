// SPDX-License-Identifier: Apache-2.0
// base/listening_socket.h - listens on a Unix socket with a name.
// Threads: no shared state except the process's umask, which the call changes for a moment.
#pragma once

#include <sys/types.h>

#include <string>

#include "base/file.h"

namespace imakeep {

// Returns a socket that listens on `path`, with that mode. Replaces a socket that a dead process left there. `what`
// names the socket in messages: "control socket". The caller unlinks the path at the end. Errors:
//   kEnvironment  a process listens there, another kind of file has that name, no permission, the name is too long
Result<UniqueFd> listen_on(const std::string& path, mode_t mode, const std::string& what);

}  // namespace imakeep
