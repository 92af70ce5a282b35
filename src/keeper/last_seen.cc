// SPDX-License-Identifier: Apache-2.0
#include "keeper/last_seen.h"

#include "keeper/known_list.h"
#include "keeper/replay_list.h"

namespace imakeep::keeper {
namespace {

// The list whose first `in_list` records are archived. The stream is positioned after them.
Result<std::optional<ListPosition>> after_known_records(const ObservationView& seen, const KnownChain& known,
                                                        std::uint64_t in_list) {
  // Another kernel's list may begin with equal records, so only PCRs tell, and all of them: an unreadable one may be
  // the one that tells.
  if (known.of_other_kernel(seen.boot_id) && (!seen.with_pcrs() || seen.evidence.unread != 0)) return std::nullopt;
  const ListStream::Place new_from = seen.stream.place();
  const Family whole{.kind = Family::Kind::kEnd, .first = in_list};
  Search search(known.chain.end_pcrs, seen.evidence.pcrs, {whole}, 0);
  IMAKEEP_TRY(const auto& list, replay_rest(seen.stream, seen.shown, search));
  const auto match = match_of(search.seen(0, 0), in_list, list.records, seen.window());
  if (!match) return std::nullopt;
  const Alignment alignment{.known = in_list, .shape = known.shape, .missing = {}};
  ListPosition position = position_of(alignment, new_from, list.records, *match);
  // This is the list as it was last seen, so it needs no second look. The next call takes a record that is in flight.
  position.in_flight = false;
  const ListIndex first_new(in_list);
  for (const ListIndex index : list.wrong_digests) position.altered.push_back(known.end() + (index - first_new));
  return position;
}

// Without re-reading what was read last time: compares the first record, and the PCRs tell the rest. The first record
// must not be a violation: to the PCRs all violations are equal, and two may have equal content.
Result<std::optional<ListPosition>> after_what_was_read(const ObservationView& seen, archive::Store& store,
                                                        const KnownChain& known) {
  if (!seen.with_pcrs()) return std::nullopt;
  ListStream& stream = seen.stream;
  stream.seek({});
  KnownList known_list(store, known.chain, known.shape);
  IMAKEEP_TRY(const auto& archived, known_list.next());
  IMAKEEP_TRY(const auto& record, stream.next());
  const bool same_head = archived && record && !archived->violation && record->content() == *archived;
  if (!same_head || stream.place().part != known.read_until->part || stream.records_before_last() > 0 ||
      known_list.records() != known.read_until->records) {
    return std::nullopt;
  }
  stream.seek(*known.read_until);
  return after_known_records(seen, known, known_list.records());
}

}  // namespace

Result<std::optional<ListPosition>> as_last_seen(const ObservationView& seen, archive::Store& store,
                                                 const KnownChain& known) {
  if (known.read_until) {
    auto position = after_what_was_read(seen, store, known);
    // If somebody deleted records, no record begins at the old offset.
    if (!position && position.error().code != ErrorCode::kMalformed) return position;
    if (position && *position) return position;
  }
  seen.stream.seek({});
  KnownList known_list(store, known.chain, known.shape);
  while (seen.stream.records() < known_list.records()) {
    const auto archived = known_list.next();
    const bool damaged = !archived && archived.error().code == ErrorCode::kMalformed;
    // The PCRs decide without the damaged record. The keeper deletes nothing while it is damaged: a trim reads it, in
    // Keeper::may_go() or in compare(), and fails.
    if (!archived && (!damaged || !seen.with_pcrs())) return unexpected(archived.error());
    IMAKEEP_TRY(const auto& record, seen.stream.next());
    if (!record || (!damaged && !(record->content() == **archived))) return std::nullopt;
  }
  return after_known_records(seen, known, known_list.records());
}

}  // namespace imakeep::keeper
