// SPDX-License-Identifier: Apache-2.0
// keeper/replay_list.h - replays the records of a list into a Search.
// Threads: no shared state.
#pragma once

#include "keeper/list_stream.h"
#include "keeper/locate.h"

namespace imakeep::keeper {

struct ReplayedList {
  std::uint64_t records = 0;  // in the list
  // The indexes of the first kMostAltered of the replayed records whose digest in the list does not match their data.
  std::vector<ListIndex> wrong_digests;
};

// Replays the records from the stream's position to its end. `shown` is the bank of the digests in the list. Errors:
// the stream's.
Result<ReplayedList> replay_rest(ListStream& stream, const digest::Bank& shown, Search& search);

// Replays the records from the stream's beginning to its end, and checks no digest. Errors: the stream's.
Result<void> replay_all(ListStream& stream, Search& search);

}  // namespace imakeep::keeper
