// SPDX-License-Identifier: Apache-2.0
#include "keeper/diagnose.h"

namespace imakeep::keeper {

Verdict diagnose(const ListFacts& facts) {
  if (!facts.by_content && !facts.with_pcrs) return Verdict::kOtherChain;
  if (facts.set_back) return Verdict::kArchiveAhead;
  if (facts.other_kernel && facts.by_matching_pcrs) return Verdict::kUnexplained;
  if (facts.other_kernel) {
    // Every boot measures the same files, so equal records do not show that another kernel's list is the same one.
    // Records before a second boot aggregate came over a kexec.
    const bool over_kexec =
        facts.by_content && facts.by_content->gone == 0 && facts.by_content->known <= facts.restored;
    // A chain is one life of the PCRs, whatever its list looks like after a kexec.
    return over_kexec || facts.same_life ? Verdict::kKexecGap : Verdict::kOtherChain;
  }
  // An overlap of violations does not prove an overlap. It does not exclude one, either.
  if (!facts.by_content && !facts.by_violations && facts.in_list > 0) return Verdict::kGap;
  return Verdict::kUnexplained;
}

std::optional<Alignment> decided_alignment(const ListFacts& facts) {
  if (facts.by_matching_pcrs) return facts.by_matching_pcrs;
  return content_proves(facts) ? facts.by_content : std::nullopt;
}

bool content_proves(const ListFacts& facts) {
  if (!facts.by_content || facts.other_kernel) return false;
  if (facts.never_trimmed) return true;
  return facts.table_kept && !facts.any_kexec;
}

}  // namespace imakeep::keeper
