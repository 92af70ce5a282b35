// SPDX-License-Identifier: Apache-2.0
// base/quantity.h - parses counts, durations and sizes from the command line and from imakeep.toml.
//
// Every quantity is a whole number, followed by its unit without a space. The number consists of decimal digits,
// without a sign and without leading zeros. Every error is kUsage. Its message quotes the text, says what is wrong with
// it, and what is accepted. The caller adds the name of the option. Threads: no shared state.
#pragma once

#include <cstdint>
#include <limits>
#include <string_view>

#include "base/result.h"

namespace imakeep {

struct CountRange {
  std::uint64_t min = 0;
  std::uint64_t max = std::numeric_limits<std::uint64_t>::max();  // inclusive
};

// A number without unit: "20000".
Result<std::uint64_t> parse_count(std::string_view text, CountRange range = {});

// Milliseconds, at most 1000 years of 365 days. The units are ms, s, m or min, h, d and w: "500ms", "60s", "5m". Case
// matters. Only "0" needs no unit.
Result<std::int64_t> parse_duration_ms(std::string_view text);

// Bytes. Without unit or with B: bytes. K, M, G, T, P, E, also with B after it ("64MB"), are powers of 1000. Ki, Mi and
// so on, also with B after it ("2GiB"), are powers of 1024. Case does not matter.
Result<std::uint64_t> parse_size_bytes(std::string_view text);

}  // namespace imakeep
