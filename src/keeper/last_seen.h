// SPDX-License-Identifier: Apache-2.0
// keeper/last_seen.h - places a list that begins as the keeper last saw it. Nearly every look finds such a list, so it
// takes one reading of the list, or, if the keeper read the list before, of its new records alone.
// Threads: no shared state.
#pragma once

#include "keeper/known_chain.h"
#include "keeper/list_position.h"

namespace imakeep::keeper {

// The list as it was last seen, and what was added to it. Empty if the list is not that, or if that cannot be told.
// Errors: the stream's and the archive's; damage of a known record only without PCRs.
Result<std::optional<ListPosition>> as_last_seen(const ObservationView& seen, archive::Store& store,
                                                 const KnownChain& known);

}  // namespace imakeep::keeper
