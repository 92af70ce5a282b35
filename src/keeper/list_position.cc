// SPDX-License-Identifier: Apache-2.0
#include "keeper/list_position.h"

namespace imakeep::keeper {

ListPosition position_of(const Alignment& alignment, const ListStream::Place& new_from, std::uint64_t records,
                         const Match& match) {
  return {.in_flight = match.in_flight,
          .shape = alignment.shape,
          .gone = alignment.gone,
          .gone_by_kexec = alignment.gone_by_kexec,
          .records = records,
          .new_from = new_from,
          .matched_until = match.until,
          .reach = match.reach,
          .missing = alignment.missing,
          .lost_by_kexec = alignment.by_kexec,
          .altered = {}};
}

Result<ListPosition> read_position(ListStream& stream, const Alignment& alignment, std::uint64_t records,
                                   const Match& match) {
  stream.seek({});
  while (stream.records() < alignment.known) {
    IMAKEEP_TRY(const auto& record, stream.next());
    if (!record) break;
  }
  return position_of(alignment, stream.place(), records, match);
}

}  // namespace imakeep::keeper
