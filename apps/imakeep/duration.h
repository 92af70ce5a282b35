// duration.h - lengths of time and sizes as people write them. Threads: no shared state.
#pragma once

#include <cstdint>
#include <string>

#include "base/result.h"

namespace imakeep::app {

// Milliseconds. A whole number and one of ms, s, m, h, d: "500ms", "60s", "5m", "1h"; 0 needs no unit. kUsage for
// anything else, and for more than a thousand years.
Result<std::int64_t> parse_duration(std::string text);

// Bytes. A whole number and, if wanted, one of KB, MB, GB (of 1000) or KiB, MiB, GiB (of 1024): "64MB". kUsage for
// anything else.
Result<std::uint64_t> parse_size(std::string text);

}  // namespace imakeep::app
