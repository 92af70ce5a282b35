// SPDX-License-Identifier: Apache-2.0
#include "keeper/best_match.h"

#include <algorithm>

namespace imakeep::keeper {

std::optional<BestMatch> best_match(const Search& search, const Contents& contents, const Window& window, bool unread,
                                    std::uint32_t passed_over) {
  const bool with_pcrs = !search.pcrs().empty();
  std::optional<BestMatch> best;
  int best_rank = 3;
  int matches = 0;
  for (std::size_t family = 0; family < search.families().size(); ++family) {
    const Family& of = search.families()[family];
    // Fewest new records first.
    for (std::uint64_t i = of.count; i-- > 0;) {
      const std::uint64_t known = of.first + i * of.step;
      const auto match = match_of(search.seen(family, i, passed_over), known, contents.list.records(), window);
      if (!match) continue;
      if (of.kind == Family::Kind::kAlteredViolations && match->until == known) continue;
      if (!with_pcrs && !content_decides(contents, of, known)) continue;
      const int rank = of.altered() ? 2 : match->in_flight ? 1 : 0;
      // Linux cannot have deleted the records that kLacking misses. So kLacking counts only if the PCRs prove,
      // without an in-flight extend, that the known records are the archive's last.
      if (of.kind == Family::Kind::kLacking && rank > 0) continue;
      // If kEnd gives the same alignment as the pending trim, it is no second match.
      const bool again =
          best && best->alignment.known == known && best->alignment.missing.empty() && of.kind == Family::Kind::kEnd;
      matches += rank < 2 && !again ? 1 : 0;
      const bool fewer_known = unread && best && rank == best_rank && known < best->alignment.known;
      if (rank < best_rank || fewer_known) best = BestMatch{alignment_of(contents, of, i), *match};
      best_rank = std::min(best_rank, rank);
      if (!with_pcrs) return best;
    }
  }
  if (matches > 1) best->several = best->match.in_flight = true;
  return best;
}

bool content_decides(const Contents& contents, const Family& family, std::uint64_t known) {
  if (family.altered() || family.kind == Family::Kind::kLacking) return false;
  return !contents.other_kernel || (known > 0 && known <= contents.list.restored());
}

}  // namespace imakeep::keeper
