// SPDX-License-Identifier: Apache-2.0
// conformance/request.h - sends each request by a single system call, and names the answer.
// Threads: no shared state.
#pragma once

#include <sys/types.h>

#include <string>
#include <string_view>

#include "base/result.h"

namespace imakeep::conformance {

// "ok" for 0, else the symbol: "EBUSY".
std::string errno_name(int os_errno);

// Names the answer of a call that should move `wanted` bytes: "ok", "2 of 3 bytes", or the name of errno. REQUIRES:
// errno is still that of the call.
std::string answer_name(ssize_t moved, std::size_t wanted);

// Sends `bytes` by one write(2).
std::string send_request(int fd, std::string_view bytes);

// Opens the file for writing, sends one request, and closes it. Returns the answer. kEnvironment if the file cannot be
// opened.
Result<std::string> send_request(const std::string& path, std::string_view bytes);

}  // namespace imakeep::conformance
