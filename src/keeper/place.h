// SPDX-License-Identifier: Apache-2.0
// keeper/place.h - finds where a list lies in the archive's chains. The PCRs decide.
//
// If the list begins as it did, one reading is enough (last_seen.h). Otherwise the list, and the records that the
// archive says it holds, are each read once and summarized (record_summary.h). From the summaries, alignment.h derives
// every index at which the new records could begin. A second reading of the list replays the records from there
// (locate.h), and the PCRs tell which index is right (best_match.h). If none matches, mismatch.h says what follows.
//
// Unless an anchor says otherwise, the archive holds only records that the PCRs cover. So it holds a prefix of the log,
// whatever others delete from the list meanwhile. Without PCRs (no TPM), content decides alone. Threads: no shared
// state.
#pragma once

#include "keeper/known_chain.h"
#include "keeper/list_position.h"
#include "keeper/observation.h"

namespace imakeep::keeper {

// Finds the place of the list in `seen`. Reads the stream from its beginning as often as needed, up to the second count
// of the evidence, and leaves it at any position. `known` is empty if the archive has no chain. Errors: the stream's
// and the archive's.
Result<Placed> place(const ObservationView& seen, archive::Store& store, const std::optional<KnownChain>& known);

}  // namespace imakeep::keeper
