// SPDX-License-Identifier: Apache-2.0
// query/times.h - points in time as text: RFC 3339, always UTC.
//
// Threads: no shared state.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace imakeep::query {

// "2026-11-30T17:05:03Z". Years before 0 and after 9999 are shown as those.
std::string rfc3339(std::int64_t unix_s);

// Reads a point in time, to the second:
//   2026-11-30T17:05:03Z, 2026-11-30T17:05Z, 2026-11-30T19:05:03+02:00; a space for the T; without a zone it is UTC
//   2026-11-30                     the day's start
//   90d, 12h, 30m, ...             so long before `now_s`, as parse_duration_ms() takes it
//   @1796000000                    Unix time
// kUsage quotes the text and says what is accepted.
Result<std::int64_t> parse_time(std::string_view text, std::int64_t now_s);

}  // namespace imakeep::query
