// SPDX-License-Identifier: Apache-2.0
// keeper/diagnose.h - decides what to do with a list if no alignment of it matches the PCRs. Pure.
//
// The rule: if the PCRs do not decide, equal content proves nothing where records may repeat. The kernel prevents a
// repeat only while it remembers every digest. It does so if it keeps its table, but not for violations, and not across
// a kexec, which restores records but not the table. In all other cases the whole list counts as new: it is better to
// archive records twice than to lose them. Threads: no shared state.
#pragma once

#include <cstdint>
#include <optional>

#include "keeper/alignment.h"

namespace imakeep::keeper {

// The place in the archive to which the machine was set back.
struct SetBack {
  RecordNumber at = {};       // the machine was set back to before the record of this number
  std::uint64_t went_on = 0;  // count of records that it measured since
};

struct ListFacts {
  bool with_pcrs = true;
  bool table_kept = false;     // the kernel is known to keep the digests of deleted records
  bool other_kernel = false;   // the kernel is not the one that was last seen
  bool never_trimmed = false;  // the list still begins with this kernel's first record, and nothing is staged
  bool any_kexec = false;      // a kexec lies within the list or its known records
  std::uint64_t restored = 0;  // count of the list's first records before the last kernel's first record
  std::uint64_t in_list = 0;   // count of records that the list should hold
  std::optional<Alignment> by_content = std::nullopt;     // the longest overlap with a record that is no violation
  std::optional<Alignment> by_violations = std::nullopt;  // without one, the longest overlap of violations alone
  std::optional<SetBack> set_back = std::nullopt;
  bool same_life = false;  // the TPM's counts show that the PCRs were not reset since
  // The only alignment that some PCRs match, while no alignment matches the other PCRs.
  std::optional<Alignment> by_matching_pcrs = std::nullopt;
};

enum class Verdict : std::uint8_t {
  kArchiveAhead,  // the PCRs match a state before the archive's end, or went on from one
  kOtherChain,    // the list is of another chain than the known records
  kKexecGap,      // a kexec dropped records that the keeper had not seen
  kGap,           // all known records were deleted, and also records that the keeper had not seen
  kUnexplained,   // one of altered record, failed extend, foreign extend, gap: explain() tries them
};

Verdict diagnose(const ListFacts& facts);

// The alignment that tells which of the list's records are archived; empty if none does. If some PCRs match only one
// alignment, they decide, whatever parted the other PCRs from the records.
std::optional<Alignment> decided_alignment(const ListFacts& facts);

// Whether equal content alone tells which of the list's records are archived.
bool content_proves(const ListFacts& facts);

}  // namespace imakeep::keeper
