// SPDX-License-Identifier: Apache-2.0
// keeper/mismatch.h - what follows if no alignment of a list matches the PCRs: collects the facts, lets diagnose()
// decide on them, and reads the list once more to explain the rest. Threads: no shared state.
#pragma once

#include "keeper/diagnose.h"
#include "keeper/known_chain.h"
#include "keeper/list_position.h"

namespace imakeep::keeper {

// A list that was read and replayed, and that no alignment matches to the PCRs. Borrows everything.
struct UnmatchedListView {
  const ObservationView& seen;
  archive::Store& store;
  const KnownChain& known;
  const Contents& contents;
  const Search& search;
};

// The facts that the summaries, the replays and the known chain tell; without `set_back`. Pure.
ListFacts facts_of(const UnmatchedListView& list);

// The facts, and what was not tried to find them: parts of a sentence, each after "; ", or empty.
struct ExaminedList {
  ListFacts facts;
  std::string not_tried;
};

// The facts with `set_back`, which takes a reading of the archive and perhaps of the list. Errors: the stream's and the
// archive's.
Result<ExaminedList> examine(const UnmatchedListView& list);

// The place of the list in a new chain, or the mismatch and its cause. Errors: the stream's and the archive's.
Result<Placed> place_unmatched(const UnmatchedListView& list, const ExaminedList& examined);

}  // namespace imakeep::keeper
