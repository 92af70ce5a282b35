// SPDX-License-Identifier: Apache-2.0
// keeper/matching_pcrs.h - locates a list by the PCRs that match, while others parted from the records. Pure.
//
// If no alignment matches a PCR, that PCR parted from the records: something extended it that the keeper never saw. The
// other PCRs still match the true alignment, which is one of those that content allows. So if they match only one
// alignment, it is the true one.
//
// Threads: no shared state.
#pragma once

#include "keeper/best_match.h"

namespace imakeep::keeper {

// The only alignment that all PCRs match which match any. Empty if every PCR matches some alignment, or if the rest
// match several. Also empty if none of these PCRs is named by records of the chain, because only such a PCR proves that
// the list is of this chain. `search` has replayed all of contents.list; `end_pcrs` is the state at the archive's end.
// REQUIRES: every PCR that records name was read.
std::optional<Alignment> by_matching_pcrs(const Search& search, const Contents& contents, const Window& window,
                                          const digest::PcrState& end_pcrs);

// The PCRs that no alignment matches: bit P is PCR P.
std::uint32_t parted_pcrs(const Search& search, std::uint64_t list_records, const Window& window);

// Whether the PCRs `of_pcrs` tell the alignment of `only` known records from every other alignment that content allows
// and that has fewer new records. They do not if the two differ by violations alone: a violation that is counted twice
// can make up for a lost one. An alignment with more new records has more extends, and nothing takes an extend away.
bool told_apart(std::span<const Family> families, const RecordSummary& list, std::uint64_t only, std::uint32_t of_pcrs);

}  // namespace imakeep::keeper
