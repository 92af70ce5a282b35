// SPDX-License-Identifier: Apache-2.0
// base/text.h - splits and trims text, and makes foreign text safe to print. Returned views borrow from `text`.
// Threads: no shared state.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace imakeep {

// The parts of `text` between the characters in `separators`: one part more than `text` has separators. Parts may be
// empty.
std::vector<std::string_view> split(std::string_view text, std::string_view separators);

// `text` without leading and trailing white space of the C locale.
std::string_view trimmed(std::string_view text);

// Makes `text` safe for a terminal or a log: nothing in the result moves a cursor, begins an escape sequence, or
// reorders neighboring text. Escapes as \xHH, byte by byte: control characters (C0, DEL, C1), characters that set the
// direction of text (Unicode 16, UAX #9), line and paragraph separators, and bytes that are not UTF-8 (RFC 3629).
// Leaves other UTF-8 and backslashes unchanged.
std::string printable(std::string_view text);

// "1.2 MB"
std::string human_bytes(std::uint64_t bytes);
// "1 record", "2 records"
std::string records_text(std::uint64_t records);

}  // namespace imakeep
