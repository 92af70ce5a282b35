// SPDX-License-Identifier: Apache-2.0
#include "keeper/likely_overlap.h"

namespace imakeep::keeper {

LikelyOverlap likely_overlap(std::span<const Family> families, const Contents& contents) {
  LikelyOverlap overlap;
  for (const Family& family : families) {
    const bool of_content = family.kind != Family::Kind::kNone && !family.altered();
    for (std::uint64_t i = of_content ? family.count : 0; i-- > 0;) {
      const Alignment alignment = alignment_of(contents, family, i);
      if (alignment.known == 0) continue;
      if (!overlap.by_violations) overlap.by_violations = alignment;
      // If a list is in two pieces, each piece must hold a record that shows where it belongs.
      const ListIndex first_piece(alignment.split > 0 ? alignment.split : alignment.known);
      const ListIndex known(alignment.known);
      // Alignments of the same family with fewer known records have no such record either.
      if (!contents.list.has_lasting(ListIndex(0), first_piece)) break;
      if (first_piece < known && !contents.list.has_lasting(first_piece, known)) continue;
      return {.by_content = alignment};
    }
  }
  return overlap;
}

}  // namespace imakeep::keeper
