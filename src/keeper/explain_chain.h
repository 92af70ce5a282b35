// SPDX-License-Identifier: Apache-2.0
// keeper/explain_chain.h - explains why a list does not match the PCRs, as a new chain or after the records of a known
// one. Threads: no shared state.
#pragma once

#include "archive/archive.h"
#include "keeper/alignment.h"
#include "keeper/diagnosis.h"
#include "keeper/known_chain.h"
#include "keeper/observation.h"

namespace imakeep::keeper {

// Why the list does not match the PCRs from the values on that a new chain begins with. `list_records` is the count of
// records in the list. `why_not_the_last` says why the list is of no known chain; empty if the archive has none, or if
// that was not examined. The caller sets Finding::chain. Errors: the stream's.
Result<Finding> explain_new_chain(const ObservationView& seen, std::uint64_t list_records,
                                  const std::string& why_not_the_last);

// Why the unproven records of `known`, those of the archive and then those of the list, do not match the PCRs. By
// `alignment`, the records of the list that are new begin at `new_from`. Errors: the stream's and the archive's.
Result<Finding> explain_known(const ObservationView& seen, archive::Store& store, const KnownChain& known,
                              const RecordSummary& list, const Alignment& alignment, const ListStream::Place& new_from);

}  // namespace imakeep::keeper
