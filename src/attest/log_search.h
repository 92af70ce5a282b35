// attest/log_search.h - looks for the one change to a log that makes it fit the PCRs.
//
// A hash chain cannot be solved for what is missing, but what is there can be tried: a record too many, two neighbours
// the wrong way round, a record whose digest was zeroed so that it reads as a violation. Each try is a replay from
// there on, so their number is bounded and a long log is tried in part.
// Threads: no shared state.
#pragma once

#include "attest/log_source.h"
#include "imalog/replay.h"

namespace imakeep::attest {

enum class ChangeKind : std::uint8_t {
  kRepeated,     // fits without this record, which repeats one before it
  kInserted,     // fits without this record
  kOutOfOrder,   // fits with this record and the next exchanged
  kNoViolation,  // fits if this record is no violation
};

struct Change {
  ChangeKind kind = ChangeKind::kRepeated;
  std::uint64_t number = 0;  // records before it in the log
  Place place;
};

// `fresh` holds the state before the first record and what is expected of it. Errors are the source's.
Result<std::optional<Change>> find_change(LogSource& log, const imalog::Replay& fresh);

}  // namespace imakeep::attest
