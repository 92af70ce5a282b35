// SPDX-License-Identifier: Apache-2.0
// monitor/time_text.h - formats a point in time for people. Threads: no shared state.
#pragma once

#include <cstdint>
#include <string>

namespace imakeep::monitor {

// "2026-11-25 17:05:03 UTC"; "never" for 0.
std::string time_text(std::int64_t unix_s);

}  // namespace imakeep::monitor
