// SPDX-License-Identifier: Apache-2.0
// keeper/anchoring.h - what the keeper may do after an anchor, and before the next one. Pure.
// Source: docs/protocol.md, "Anchors". Threads: no shared state.
#pragma once

#include "keeper/chain_state.h"
#include "keeper/list_position.h"

namespace imakeep::keeper {

// Whether each PCR that parted from the records now has another value than the last anchor copied from it. If a PCR
// still has the copied value, it proves nothing: the keeper would compare the value with itself.
bool went_on(const ChainState& state, const Evidence& evidence);

// Whether to archive all of the list as new. A list may look like the known records and more. If its content proves
// nothing, it may still be another list with equal records. An anchor is safe only if all of the list is archived as
// new, because the keeper trims the list after it. While the PCRs still do not match, each copy needs twice as many new
// records as the last, so that copies stay few.
//
// `settled`: nothing changed while the list was read. `same_break`: the chain's last anchor is of the same break.
bool copies_all(const ChainState& state, const Mismatch& mismatch, bool settled, bool same_break);

}  // namespace imakeep::keeper
