// SPDX-License-Identifier: Apache-2.0
#include "keeper/new_chain.h"

#include "keeper/explain_chain.h"
#include "keeper/replay_list.h"

namespace imakeep::keeper {

Result<Placed> as_new_chain(const ObservationView& seen, const std::string& why_not_the_last) {
  seen.stream.seek({});
  Search search(seen.start, seen.evidence.pcrs, {Family{}}, 0);
  IMAKEEP_TRY(const auto& list, replay_rest(seen.stream, seen.shown, search));
  const auto match = match_of(search.seen(0, 0), 0, list.records, seen.window());
  ListPosition position{.new_chain = true, .records = list.records};
  if (match) {
    position.in_flight = match->in_flight;
    position.matched_until = match->until;
    position.reach = match->reach;
    for (const ListIndex index : list.wrong_digests) position.altered.push_back(position.shape.number_at(index));
    return Placed{.position = std::move(position)};
  }
  // A record of a complete list may have been altered, or an extend may have failed.
  IMAKEEP_TRY(auto explained, explain_new_chain(seen, list.records, why_not_the_last));
  return Placed{.mismatch = Mismatch{.found = std::move(explained), .as_read = std::move(position)}};
}

}  // namespace imakeep::keeper
