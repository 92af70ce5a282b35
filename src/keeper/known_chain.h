// SPDX-License-Identifier: Apache-2.0
// keeper/known_chain.h - the chain that a list should belong to, as the keeper knows it.
// Threads: values.
#pragma once

#include "archive/archive.h"
#include "keeper/list_shape.h"
#include "keeper/observation.h"

namespace imakeep::keeper {

struct KnownChain {
  archive::Chain chain;
  ListShape shape;                // which records the list held when it was last seen
  std::string boot_id;            // of the kernel that ran then; empty if unknown
  RecordNumber anchored_at = {};  // the last anchor, or 0: a replay from before this record matches nothing
  RecordNumber proven = {};       // records before this one are proven, or lie before the anchor
  std::optional<tpm::ResetCounts> resets = std::nullopt;  // the TPM's counts then
  bool judged = false;        // the keeper will say who deleted records: place() has to determine `certain`
  bool table_kept = false;    // the kernel is known to keep the digests of deleted records
  std::uint64_t pending = 0;  // count of records at the list's head that a pending trim covers; 0 without one
  // Where the unarchived records began when the list was last read with nothing staged.
  std::optional<ListStream::Place> read_until = std::nullopt;

  RecordNumber end() const { return RecordNumber(chain.end); }
  // Count of records that the list should hold.
  std::uint64_t in_list() const { return shape.records(end()); }
  // Whether the kernel that was last seen is known not to run, or known to run. If the running kernel's boot id is
  // unknown, both are false.
  bool of_other_kernel(const std::string& boot) const { return !boot.empty() && boot_id != boot; }
  bool of_same_kernel(const std::string& boot) const { return !boot.empty() && boot_id == boot; }
  // The TPM's counts tell one life of the PCRs from the next. If they differ while the same kernel runs, somebody named
  // another TPM, or the TPM was resumed.
  bool of_other_life(const ObservationView& seen) const {
    const auto& now = seen.evidence.resets;
    return now && resets && now->resets != resets->resets && !of_same_kernel(seen.boot_id);
  }
  bool of_same_life(const ObservationView& seen) const {
    return seen.evidence.resets && seen.evidence.resets == resets;
  }
};

}  // namespace imakeep::keeper
