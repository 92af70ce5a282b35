// archive/import.h - makes an archive of saved lists: joins parts, and takes nothing twice.
//
// Parts come in the order in which they were saved. Each begins where it overlaps what is there already, or behind it.
// Where records are equal they may be the same ones, or the same files measured again (violations repeat, and under
// ima_flush_htable everything may): the PCR values decide. They have to be read after the last part was saved; read
// earlier they prove only what lies before, and a choice that does not show there is refused. Without PCRs a part that
// has records which are there is refused rather than guessed at, unless it begins with the boot_aggregate (the list was
// saved again from its boot on), goes on from what is there and the caller knows that nothing repeats, or is a file
// that was imported before, which is known by its SHA-256. Two boots whose lists begin alike, or equal files of two
// boots, are told apart by PCRs only.
//
// All parts are decoded and placed before the first record is added; batches are durable one by one, with how far each
// file got, so an import that was interrupted goes on where it stopped when it is run again with the same files.
// Threads: no shared state.
#pragma once

#include "archive/archive.h"
#include "imalog/replay.h"

namespace imakeep::archive {

// Borrowed.
struct ImportPart {
  std::string name;  // for messages, and kept in the archive
  ByteView list;
  digest::Bank bank;  // of the digests in it
};

struct ImportOptions {
  std::vector<digest::Bank> banks;          // of a new chain
  std::vector<imalog::PcrValue> pcrs = {};  // read when or after the last part was saved
  bool no_repeats = false;                  // equal records are the same record: the kernel kept its hash table
  bool new_chain = false;                   // begin one even if the archive has one
  std::optional<std::uint64_t> chain = std::nullopt;  // go on with this one, not the last
  std::int64_t now_unix_s = 0;
  std::size_t batch_records = 1u << 14;  // made durable together
  std::function<void(std::uint64_t records)> on_added = {};
};

enum class Join : std::uint8_t {
  kFirst,         // the chain begins with it
  kOverlap,       // its first records were there already
  kBehind,        // follows what was there; nothing but the PCRs can tell whether records lie between
  kAlreadyThere,  // all its records were
};

struct PartReport {
  Join join = Join::kFirst;
  std::uint64_t first = 0;    // number of its first record in the chain
  std::uint64_t records = 0;  // in the part
  std::uint64_t added = 0;
  // Numbers of records whose digests in this part do not fit their data: kept, or there already with another.
  std::vector<std::uint64_t> mismatched;
};

struct ImportReport {
  std::uint64_t chain = 0;
  std::vector<PartReport> parts;  // in the order given
};

// Errors, all before anything is added unless the store fails: ListReader's, with the part named; kMismatch for a part
// of another bank, of another boot, with no or several places, or PCR values that no way of joining leads to.
Result<ImportReport> import_lists(Archive& archive, std::span<const ImportPart> parts, const ImportOptions& options);

}  // namespace imakeep::archive
