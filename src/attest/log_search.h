// SPDX-License-Identifier: Apache-2.0
// attest/log_search.h - searches for one change to a log with which the log matches the PCRs.
//
// A missing record cannot be computed from a hash chain. But changes to the existing records can be tried: remove a
// record, exchange two neighbours, or restore a record whose digest was zeroed so that it reads as a violation. Each
// try replays the rest of the log. So the total work is bounded, and in a long log only some changes are tried.
// Threads: no shared state.
#pragma once

#include "attest/log_source.h"
#include "imalog/replay.h"

namespace imakeep::attest {

enum class ChangeKind : std::uint8_t {
  kRepeated,     // the log matches without this record, which repeats an earlier one
  kInserted,     // the log matches without this record
  kOutOfOrder,   // the log matches if this record and the next are exchanged
  kNoViolation,  // the log matches if this record is not a violation
};

struct Change {
  ChangeKind kind = ChangeKind::kRepeated;
  std::uint64_t number = 0;  // index of the record in the log
  Place place;
};

// `fresh` holds the state before the first record, and expects the values that the log has to match. Empty if no change
// was found. Errors: the source's.
Result<std::optional<Change>> find_change(LogSource& log, const imalog::Replay& fresh);

}  // namespace imakeep::attest
