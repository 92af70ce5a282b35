// SPDX-License-Identifier: Apache-2.0
// archive/import.h - imports saved lists into an archive: joins the parts, and stores no record twice.
//
// The parts are given in the order in which they were saved. Each part overlaps the records that the chain already has,
// or follows them. Equal records may be the same records, or the same files measured again: violations repeat, and with
// ima_flush_htable every record may. The PCR values decide. They must be read after the last part was saved. Values
// that were read earlier prove only the records up to that moment; if several ways of joining differ only after it, the
// import is refused.
//
// Without PCRs, the import does not guess. It refuses a part with records that the chain already has, unless
// - the part begins with the boot_aggregate: the list was saved again from its boot on; or
// - the part continues the chain, and the caller states that no record repeats; or
// - the same file was imported before. The archive recognizes it by its SHA-256.
// Only PCRs can tell apart two boots whose lists begin with the same records, or equal files of two boots.
//
// The import decodes and places all parts before it adds the first record. Each batch of records is durable on its own,
// and the progress of its file with it. So an interrupted import continues where it stopped when it is run again with
// the same files. Threads: no shared state.
#pragma once

#include "archive/archive.h"
#include "imalog/replay.h"

namespace imakeep::archive {

// A saved list. Borrowed.
struct ImportPart {
  std::string name;  // for messages; also stored in the archive
  ByteView list;
  digest::Bank bank;             // of the list's digests
  ByteOrder order = kHostOrder;  // of the list's integers
};

struct ImportOptions {
  std::vector<digest::Bank> banks;          // of a new chain
  std::vector<imalog::PcrValue> pcrs = {};  // read when or after the last part was saved
  bool no_repeats = false;                  // equal records are the same record: the kernel kept its hash table
  bool new_chain = false;                   // begin a chain even if the archive has one to continue
  // The chain to continue; empty: the last one that no keeper made from its host's list.
  std::optional<ChainId> chain = std::nullopt;
  std::int64_t now_unix_s = 0;
  std::size_t batch_records = 1u << 14;  // most records in one transaction
  std::function<void(std::uint64_t records)> on_added = {};
};

enum class Join : std::uint8_t {
  kFirst,         // the chain begins with the part
  kOverlap,       // the chain already had the part's first records
  kAfter,         // the part follows the chain's records; only the PCRs can tell whether records are missing between
  kAlreadyThere,  // the chain already had all of the part's records
};

struct PartReport {
  Join join = Join::kFirst;
  std::uint64_t first = 0;    // number of the part's first record in the chain
  std::uint64_t records = 0;  // in the part
  std::uint64_t added = 0;
  // Numbers of records whose digest in this part does not match their data. The archive has stored that digest, unless
  // the chain already had the record.
  std::vector<std::uint64_t> mismatched;
};

struct ImportReport {
  ChainId chain = {};
  std::vector<PartReport> parts;  // in the order given
};

// Unless the store fails, every error comes before a record is added. Errors:
//   ListReader's  the message names the part
//   kMismatch     a part has another bank or byte order, is of another boot, or has no place or several places in the
//                 chain; no way of joining matches the PCR values; an interrupted import has to be finished first
//   kRefused      a keeper makes the chain from its host's list
//   kUsage        no such chain; none of the PCR values can be compared with the records
//   kMalformed    the archive is damaged
Result<ImportReport> import_lists(Archive& archive, std::span<const ImportPart> parts, const ImportOptions& options);

}  // namespace imakeep::archive
