// SPDX-License-Identifier: Apache-2.0
// keeper/list_position.h - finds where a list lies in the archive's chains. The PCRs decide.
//
// The list, and the records that the archive says it holds, are each read once and summarized. From the summaries,
// alignment.h derives every index at which the new records could begin. locate.h replays the records from there, and
// the PCRs tell which index is right. If none matches, diagnose.h says what follows.
//
// Unless an anchor says otherwise, the archive holds only records that the PCRs cover. So it holds a prefix of the log,
// whatever others delete from the list meanwhile. Without PCRs (no TPM), content decides alone. Threads: no shared
// state.
#pragma once

#include "archive/archive.h"
#include "imalog/replay.h"
#include "keeper/diagnosis.h"
#include "keeper/list_shape.h"
#include "keeper/list_stream.h"
#include "tpm/pcr_banks.h"

namespace imakeep::keeper {

// The values that the keeper reads together with a list, under a hold that lets no other task delete from the list.
struct Evidence {
  std::vector<imalog::PcrValue> pcrs;  // of the banks that are compared; empty without a TPM
  std::uint64_t count_before = 0;      // records in the stream's last part before the PCRs were read
  std::uint64_t count_after = 0;       // and after the PCRs were read
  std::uint32_t unread = 0;            // PCRs that records name but that could not be read: bit P is PCR P
  std::string why_unread = {};         // the error of the first of them
  std::optional<tpm::ResetCounts> resets = std::nullopt;  // the TPM's counts, if it has them
  bool settled = false;                                   // nothing changed for so long that no extend is in flight
};

// The chain that the list should belong to.
struct KnownChain {
  archive::Chain chain;
  ListShape shape;                // which records the list held when it was last seen
  std::string boot_id;            // of the kernel that ran then; empty if unknown
  RecordNumber anchored_at = {};  // the last anchor, or 0: a replay from before this record matches nothing
  RecordNumber proven = {};       // records before this one are proven, or lie before the anchor
  std::optional<tpm::ResetCounts> resets = std::nullopt;  // the TPM's counts then
  bool judged = false;        // the keeper will say who deleted records: place() has to determine `certain`
  bool table_kept = false;    // the kernel is known to keep the digests of deleted records
  std::uint64_t pending = 0;  // count of records at the list's head that a pending trim covers; 0 without one
  // Where the unarchived records began when the list was last read with nothing staged.
  std::optional<ListStream::Place> read_until = std::nullopt;

  RecordNumber end() const { return RecordNumber(chain.end); }
};

// Where a list lies.
struct ListPosition {
  bool new_chain = false;             // the list begins a new chain
  bool in_flight = false;             // matches only if an extend is in flight, or is not the only match
  bool ambiguous = false;             // other alignments match the PCRs as well, and some PCRs could not be read
  bool certain = true;                // a record that is no violation matches; violations alone may lie further on
  ListShape shape = ListShape();      // which records of the chain the list holds
  std::uint64_t gone = 0;             // count of records at the front of the list as last seen that are gone
  bool gone_by_kexec = false;         // a kexec may have lost these: none of the known records is left
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

struct Placed {
  std::optional<ListPosition> position;
  std::optional<Mismatch> mismatch;
};

// Finds the place of the list in `stream`. Reads `stream` from its beginning as often as needed, and leaves it at any
// position. `known` is empty if the archive has no chain. `start` has the banks of a chain that begins with this list,
// and the PCR values before its first record. `shown` is the bank of the digests in the list. `boot_id` is the running
// kernel's. Errors: the stream's and the archive's.
Result<Placed> place(ListStream& stream, archive::Store& store, const std::optional<KnownChain>& known,
                     const Evidence& evidence, const digest::PcrState& start, const digest::Bank& shown,
                     const std::string& boot_id);

}  // namespace imakeep::keeper
