// SPDX-License-Identifier: Apache-2.0
// keeper/explain.h - explains why a list's records do not match the PCRs, as far as that can be tried. Threads: no
// shared state.
#pragma once

#include "archive/archive_reader.h"
#include "digest/pcr_state.h"
#include "imalog/replay.h"
#include "keeper/diagnosis.h"
#include "keeper/list_index.h"
#include "keeper/list_stream.h"

namespace imakeep::keeper {

// The unproven records are those that `unproven` reads, unless it is null, and then those from the stream's position
// on. The first of them has number `first` in the chain. `start` is the state before them. They do not match `pcrs`.
// Tries, in this order:
//   altered record      the digests in the list match the PCRs, and some do not match their data
//   failed extend       the records match the PCRs without the last ones, or without one of them
//   unexplained extend  none of these
// A single record without an extend is looked for only if its PCR has no more than kMostTried records (explain.cc). The
// caller sets Finding::chain. Errors: the stream's and the reader's.
Result<Finding> explain(archive::ArchiveReader* unproven, ListStream& stream, const digest::Bank& shown,
                        const digest::PcrState& start, RecordNumber first, const std::vector<imalog::PcrValue>& pcrs);

}  // namespace imakeep::keeper
