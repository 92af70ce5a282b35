// keeper/explain.h - why a list's records do not lead to the PCRs, as far as that can be tried.
// Threads: no shared state.
#pragma once

#include "archive/archive_reader.h"
#include "digest/pcr_state.h"
#include "imalog/replay.h"
#include "keeper/diagnosis.h"
#include "keeper/list_stream.h"

namespace imakeep::keeper {

// The records that `unproven` reads, if there are any, and then those from where `stream` stands are unproven: the
// chain's number `first` and those behind it. `start` is the state before them, and they do not lead to `pcrs`. Tries,
// in this order:
//   altered record      the digests that the list shows lead there, and some do not fit their data
//   failed extend       the records lead there without one of them, or without the last ones
//   unexplained extend  none of that
// A failed extend is looked for among the first few thousand records. Found::chain is left to the caller. Errors: the
// stream's and the reader's.
Result<Found> explain(archive::ArchiveReader* unproven, ListStream& stream, const digest::Bank& shown,
                      const digest::PcrState& start, std::uint64_t first, const std::vector<imalog::PcrValue>& pcrs);

}  // namespace imakeep::keeper
