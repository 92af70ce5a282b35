// conformance/request.h - sends requests by single system calls and names what came back.
// Threads: no shared state.
#pragma once

#include <sys/types.h>

#include <string>
#include <string_view>

#include "base/result.h"

namespace imakeep::conformance {

// "ok" for 0, else the symbol: "EBUSY".
std::string errno_name(int os_errno);

// What a call that should move `wanted` bytes answered: "ok", "2 of 3 bytes", or errno's name. Looks at errno, so call
// it first.
std::string answer_name(ssize_t moved, std::size_t wanted);

// One write(2) of `bytes`.
std::string send_request(int fd, std::string_view bytes);

// Opens for writing, sends one request, closes. The answer; kEnvironment if the file cannot be opened.
Result<std::string> send_request(const std::string& path, std::string_view bytes);

}  // namespace imakeep::conformance
