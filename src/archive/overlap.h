// archive/overlap.h - where a list that was read overlaps records that are known already.
//
// Two records are the same if PCR, template, data and violation bit are. Equal PCR states behind equal records mean
// equal logs, so a place where the list agrees with what is known is a candidate, and the PCR values decide between
// several: violations repeat, and with ima_flush_htable everything may. Threads: no shared state.
#pragma once

#include <compare>
#include <span>

#include "archive/record.h"

namespace imakeep::archive {

// The first half of the SHA-256 of what makes a record the same.
struct RecordId {
  std::uint64_t high = 0;
  std::uint64_t low = 0;
  friend auto operator<=>(const RecordId&, const RecordId&) = default;
};

RecordId record_id(const imalog::RecordContentView& content);

struct Overlaps {
  // How many of the part's first records are the last of what is known, longest first, without zero; all of them first
  // if the whole part lies anywhere in it.
  std::vector<std::size_t> lengths;
  std::optional<std::size_t> whole_at;  // where the whole part first lies
  // How many of its first records lie together anywhere, and where they first do.
  std::size_t start_length = 0;
  std::size_t start_at = 0;
};

// Time and memory are linear in both.
Overlaps overlaps(std::span<const RecordId> have, std::span<const RecordId> part);

}  // namespace imakeep::archive
