// SPDX-License-Identifier: Apache-2.0
// keeper/set_back.h - whether a machine was set back, for example to a snapshot, to before the archive's end.
// Threads: no shared state.
#pragma once

#include "archive/archive.h"
#include "keeper/diagnose.h"
#include "keeper/list_stream.h"
#include "keeper/locate.h"

namespace imakeep::keeper {

// The result of find_set_back().
struct SetBackSearch {
  std::optional<SetBack> found;
  // False if nothing was found, and the archive has too many records, or the list too many new ones, to try every
  // place. Then the search tried at most the places at which the archive holds the longest beginning of the
  // list.
  bool tried_all = true;
};

// Looks for a place in `chain`, from record `from` on and before its end, at which the PCRs match, or from which on the
// list in `stream` matches them. `start` is the state before record `from`. `list` is the summary of `stream`. Errors:
// the stream's and the archive's, but for damage, which ends the search.
Result<SetBackSearch> find_set_back(archive::Store& store, const archive::Chain& chain, RecordNumber from,
                                    const digest::PcrState& start, ListStream& stream, const RecordSummary& list,
                                    std::span<const imalog::PcrValue> pcrs, const Window& window);

}  // namespace imakeep::keeper
