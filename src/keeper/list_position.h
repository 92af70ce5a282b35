// SPDX-License-Identifier: Apache-2.0
// keeper/list_position.h - where a list lies in the archive's chains, or why that cannot be told.
// Threads: values.
#pragma once

#include "keeper/alignment.h"
#include "keeper/diagnosis.h"
#include "keeper/list_stream.h"
#include "keeper/locate.h"

namespace imakeep::keeper {

// Where a list lies.
struct ListPosition {
  bool new_chain = false;             // the list begins a new chain
  bool in_flight = false;             // matches only if an extend is in flight, or is not the only match
  bool ambiguous = false;             // other alignments match the PCRs as well, and some PCRs could not be read
  bool certain = true;                // a record that is no violation matches; if only violations do, the list may lie
                                      // further on
  ListShape shape = ListShape();      // which records of the chain the list holds
  std::uint64_t gone = 0;             // count of records at the front of the list as last seen that are gone
  bool gone_by_kexec = false;         // as Alignment's: a kexec may have lost these
  std::uint64_t records = 0;          // in the list
  ListStream::Place new_from = {};    // the first unarchived record
  std::uint64_t matched_until = 0;    // count of the first records that the PCRs prove; `records` without PCRs
  std::uint64_t reach = 0;            // the PCR that is furthest ahead matches from this many records on
  std::vector<Range> missing = {};    // numbers of archived records that the list lost after its head
  bool lost_by_kexec = false;         // true: a kexec lost them; false: others deleted them after staged records
  std::vector<RecordNumber> altered;  // numbers of records that differ from the archive or from the digest shown;
                                      // the PCRs prove the archived record, or the data
};

// A list that does not match the PCRs, and the cause as far as it can be told. `as_read` says how its records would go
// on from the archive.
struct Mismatch {
  Finding found;
  ListPosition as_read;
  // If content proves nothing, as_read takes the whole list as new. If the list still looks like the known records and
  // more, `grown` says where the new records then begin.
  std::optional<ListPosition> grown = std::nullopt;
};

// One of the two.
struct Placed {
  std::optional<ListPosition> position;
  std::optional<Mismatch> mismatch;
};

// The position of a list of `records` records with this alignment. Its new records begin at `new_from`. `match` is
// empty if no PCR matches. Pure.
ListPosition position_of(const Alignment& alignment, const ListStream::Place& new_from, std::uint64_t records,
                         const Match& match = {});

// The same, for a list that is read for its position alone: reads `stream` from its beginning to the first new record.
Result<ListPosition> read_position(ListStream& stream, const Alignment& alignment, std::uint64_t records,
                                   const Match& match = {});

}  // namespace imakeep::keeper
