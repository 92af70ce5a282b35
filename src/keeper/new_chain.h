// SPDX-License-Identifier: Apache-2.0
// keeper/new_chain.h - places a list in a chain of which nothing is archived.
// Threads: no shared state.
#pragma once

#include "keeper/list_position.h"
#include "keeper/observation.h"

namespace imakeep::keeper {

// Replays the whole list from the values on that a chain begins with. A position if that matches the PCRs; otherwise a
// mismatch that explain_new_chain() explains. `why_not_the_last` is as there. Errors: the stream's.
Result<Placed> as_new_chain(const ObservationView& seen, const std::string& why_not_the_last = {});

}  // namespace imakeep::keeper
