// SPDX-License-Identifier: Apache-2.0
// archive/quote_thinning.h - says which kept quotes of a chain go, so that their number stays bounded.
//
// A quote proves all records before its match. So the newest one proves the most, and the older ones only show what was
// proven when. They are kept the more sparsely the older they are:
//
//   age            kept
//   up to an hour  all
//   up to a day    the last one of each 15 minutes
//   up to a week   the last one of each hour
//   up to a year   the last one of each day
//   beyond         the last one of each 30 days
//
// The periods begin at multiples of their length since 1970, so that each longer one consists of whole shorter ones,
// and a quote that stays at a later time also stayed before. The newest quote always stays, and so does the first one
// after each boot of a kernel. If more than kMostQuotes are left all the same, the oldest others go; if all of them
// are the first of a boot, the oldest of these.
// Threads: no shared state.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace imakeep::archive {

inline constexpr std::size_t kMostQuotes = 1024;

struct QuoteAge {
  std::uint64_t quote = 0;  // its number
  std::int64_t added_unix_s = 0;
  std::string boot_id = {};  // of the kernel
};

// The numbers of the quotes that go. `quotes` are those of one chain, in the order in which they were added.
std::vector<std::uint64_t> quotes_to_thin(std::span<const QuoteAge> quotes, std::int64_t now_unix_s);

}  // namespace imakeep::archive
