// SPDX-License-Identifier: Apache-2.0
// archive/overlap.h - finds where a list overlaps records that are already known.
//
// Two records are equal if their PCR, template name, data and violation bit are equal. A place where the list equals
// the known records is a candidate. Several candidates are possible: violations repeat, and with ima_flush_htable every
// record may. Then the PCR values decide, because equal PCR values mean equal logs. Threads: no shared state.
#pragma once

#include <compare>
#include <span>

#include "archive/record.h"

namespace imakeep::archive {

// The first half of the SHA-256 over the parts that make two records equal.
struct RecordId {
  std::uint64_t high = 0;
  std::uint64_t low = 0;
  friend auto operator<=>(const RecordId&, const RecordId&) = default;
};

RecordId record_id(const imalog::RecordContentView& content);

struct Overlaps {
  // Each n > 0 for which the first n records of the part are the last n known records, longest first. If the known
  // records contain the whole part anywhere, its size comes first.
  std::vector<std::size_t> lengths;
  std::optional<std::size_t> whole_at;  // index of the known record where the whole part first begins
  // The longest prefix of the part that the known records contain anywhere: its length, and the index where it begins.
  std::size_t start_length = 0;
  std::size_t start_at = 0;
};

// Takes records one by one, and finds the longest prefix of `part` that they end with. Borrows `part`.
class PrefixMatcher {
 public:
  explicit PrefixMatcher(std::span<const RecordId> part);

  // The length of the longest prefix of `part` that the records up to and including `id` end with.
  std::size_t next(const RecordId& id);

 private:
  const std::span<const RecordId> part_;
  // For each prefix of the part, the length of its longest proper prefix that is also its suffix (Knuth, Morris and
  // Pratt).
  std::vector<std::size_t> border_;
  std::size_t length_ = 0;
};

// Takes time and memory linear in the sizes of both.
Overlaps overlaps(std::span<const RecordId> have, std::span<const RecordId> part);

}  // namespace imakeep::archive
