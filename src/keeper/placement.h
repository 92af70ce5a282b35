// keeper/placement.h - where a list that is read lies in the chains of the archive. The PCRs decide.
//
// Log position. Append precedes extend, under one lock, so a PCR value read between two counts of the list stands for a
// prefix of the log that ends in the list no earlier than one record before the first count and no later than the
// second. A hash chain never takes the same value twice, so a value that is met in a replay names one prefix of one
// log: where records repeat and their content would allow several places, at most one of them leads there at the right
// record, but for one record that may just be in flight between append and extend.
//
// The archive only ever takes what lies before that position, so what it holds is a prefix of the log whatever was
// deleted from the list meanwhile. Without PCRs (no TPM) content decides alone.
// Threads: no shared state.
#pragma once

#include "archive/archive.h"
#include "imalog/replay.h"
#include "keeper/diagnosis.h"
#include "keeper/list_shape.h"
#include "keeper/list_stream.h"

namespace imakeep::keeper {

// What was read beside a list, under a hold that lets nobody delete from it.
struct Evidence {
  std::vector<imalog::PcrValue> pcrs;  // of the banks that are compared; empty without a TPM
  std::uint64_t count_before = 0;      // records in the stream's last part before the PCRs were read
  std::uint64_t count_after = 0;       // and after
  bool settled = false;                // nothing had changed for so long that no extend is on the way
};

// The chain that the list should belong to.
struct KnownChain {
  archive::Chain chain;
  ListShape shape;                // of the list as it was last seen
  std::string boot_id;            // of the kernel then; empty if not known
  std::uint64_t anchored_at = 0;  // replay from before this record leads nowhere
  std::uint64_t proven = 0;       // records before this one are proven, or lie before the anchor
  bool judged = false;            // whose deletions there were is to be said: it has to be certain that there were any
  // Where the records that are not archived began when the list was last read with nothing staged.
  std::optional<ListStream::Place> read_until = std::nullopt;
};

// Where a list lies. Indexes count the list's records from its first.
struct Placement {
  bool new_chain = false;              // it is the first of a new chain
  bool in_flight = false;              // only if an extend is on the way
  bool certain = true;                 // not only violations tell: with them, it may all lie further on
  ListShape shape = ListShape();       // what the list holds of the chain
  std::uint64_t gone = 0;              // records that were in the list when it was last seen, and are not any more
  std::uint64_t records = 0;           // in the list
  ListStream::Place new_from = {};     // the first record that is not archived
  std::uint64_t fits_until = 0;        // the records before it are proven; `records` without PCRs
  std::optional<Range> dropped = {};   // numbers of archived records that the list lost behind its head:
  bool dropped_by_kexec = false;       // by a kexec, or by somebody who deleted what lay behind staged records
  std::vector<std::uint64_t> altered;  // numbers of records that differ from the archive, or from their own digest;
                                       // the PCRs tell that the archive, or the data, is right
};

// The list does not fit the PCRs, and why as far as can be told. `as_read` says how its records would go on from the
// archive.
struct Misfit {
  Found found;
  Placement as_read;
};

struct Placed {
  std::optional<Placement> placement;
  std::optional<Misfit> misfit;
};

// Finds the place of the list in `stream`, which is read from its beginning as often as needed and left anywhere.
// `known` is empty if the archive has no chain. `banks` are those of a chain that begins here, `shown` is that of the
// digests in the list, `boot_id` the running kernel's. Errors: the stream's and the archive's.
Result<Placed> place(ListStream& stream, archive::Store& store, const std::optional<KnownChain>& known,
                     const Evidence& evidence, const std::vector<digest::Bank>& banks, const digest::Bank& shown,
                     const std::string& boot_id);

}  // namespace imakeep::keeper
