// SPDX-License-Identifier: Apache-2.0
// keeper/likely_overlap.h - the alignment that content suggests for a list that no alignment matches to the PCRs. Pure.
// Threads: no shared state.
#pragma once

#include "keeper/alignment.h"

namespace imakeep::keeper {

// At most one of the two.
struct LikelyOverlap {
  std::optional<Alignment> by_content = std::nullopt;  // the longest overlap with a record that is no violation
  // Without one, the longest overlap of violations alone. The list's violations may be others that are equal to the
  // archived ones.
  std::optional<Alignment> by_violations = std::nullopt;
};

// The longest overlap that reaches the archive's end, otherwise one that lost its end or its middle. `families` are
// those of `contents`.
LikelyOverlap likely_overlap(std::span<const Family> families, const Contents& contents);

}  // namespace imakeep::keeper
