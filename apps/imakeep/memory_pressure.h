// memory_pressure.h - Linux's pressure stall information as a descriptor that tells when memory is short.
//
// Source: Documentation/accounting/psi.rst. Threads: no shared state.
#pragma once

#include <cstdint>
#include <string>

#include "base/file.h"

namespace imakeep::app {

// poll(2) says POLLPRI on it when tasks have waited for memory for `percent` of the last two seconds, at most once in
// two seconds; POLLERR once there is nothing to be told any more. kEnvironment where Linux has no PSI, or does not let
// us.
Result<UniqueFd> watch_memory_pressure(std::uint32_t percent, const std::string& file = "/proc/pressure/memory");

}  // namespace imakeep::app
