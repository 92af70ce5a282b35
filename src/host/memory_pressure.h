// SPDX-License-Identifier: Apache-2.0
// host/memory_pressure.h - a descriptor that reports memory shortage, from Linux's pressure stall information.
//
// Source: Documentation/accounting/psi.rst. Threads: no shared state.
#pragma once

#include <cstdint>
#include <string>

#include "base/file.h"

namespace imakeep::host {

// poll(2) reports POLLPRI if tasks have waited for memory for `percent` of the last two seconds, at most once in two
// seconds. It reports POLLERR if no further events can come. kEnvironment if Linux has no PSI, or denies access to it.
Result<UniqueFd> watch_memory_pressure(std::uint32_t percent, const std::string& file = "/proc/pressure/memory");

}  // namespace imakeep::host
