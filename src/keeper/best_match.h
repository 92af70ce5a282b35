// SPDX-License-Identifier: Apache-2.0
// keeper/best_match.h - chooses among the alignments of a list that match the PCRs. Pure.
//
// Several alignments may match: records may repeat, no PCR tells anything of records that name another PCR, and the
// last record may be in flight. The better alignment comes first:
//   1. matches without an in-flight extend
//   2. matches only with one
//   3. some of its known records differ from the archive's
// Within a rank, the order of families_of() decides, and in a family the fewest new records come first.
//
// Threads: no shared state.
#pragma once

#include "keeper/locate.h"

namespace imakeep::keeper {

struct BestMatch {
  Alignment alignment;
  Match match;
  bool several = false;  // other alignments match too
};

// `search` has replayed all of contents.list. Empty if no alignment matches. The PCRs `passed_over` are not compared:
// bit P is PCR P. If some PCRs could not be read (`unread`), several alignments may always match. It is better to
// archive records twice than to lose them, so then the one with the most new records comes first in its rank.
// If several match, the result is marked as in flight: only one can match without an in-flight extend, so the caller
// looks again. Without PCRs, content_decides() says which alignments count, and the first is taken.
std::optional<BestMatch> best_match(const Search& search, const Contents& contents, const Window& window,
                                    bool unread = false, std::uint32_t passed_over = 0);

// Whether content alone may say that the list goes on from the archive after its first `known` records. Equal records
// say so while the same kernel runs. In another kernel's list, equal records say so only if they came over a kexec.
bool content_decides(const Contents& contents, const Family& family, std::uint64_t known);

}  // namespace imakeep::keeper
