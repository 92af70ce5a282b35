// SPDX-License-Identifier: Apache-2.0
// view/whole_list.h - the bytes that IMA's files would show if nothing had ever been trimmed: those of a chain's
// archived records, from its first.
//
// A byte stays at its offset for the life of the chain. An index of blocks, each of some hundred records, finds
// positions. The index is made by reading the archive once, and then grows with the archive: 32 bytes of memory a
// block. The index also tells whether a block is unchanged, so that nothing of another archive that was copied over
// this one is shown.
// Damage: a record that cannot be read from the archive has no size either, so no record after it has an offset; see
// bytes().
// Threads: one thread calls extend(). Any thread may call the rest, each with a store of its own.
#pragma once

#include "archive/archive_reader.h"
#include "base/mutex.h"
#include "imalog/ima_directory.h"
#include "imalog/template_set.h"

namespace imakeep::view {

// One of IMA's list files.
struct ListFile {
  imalog::Form form = imalog::Form::kBinary;
  digest::Bank bank;

  friend bool operator==(const ListFile&, const ListFile&) = default;
};

class WholeList {
 public:
  // A block takes about this many bytes of the list, and at most twice as many and a record. To read any byte, one
  // block is made.
  static constexpr std::uint64_t kBlockBytes = 128u << 10;

  // An index of `chain` that covers no records yet. Takes every chain; a chain whose first records were retired is
  // damaged from its beginning. `templates` say how ASCII lines are printed.
  explicit WholeList(const archive::Chain& chain, imalog::TemplateSet templates = {});

  archive::ChainId chain() const { return chain_.chain; }

  // Adds the chain's records before number `end`, all of which are archived. Errors: the store's, but for kMalformed.
  Result<void> extend(archive::Store& store, std::uint64_t end) IMAKEEP_EXCLUDES(mutex_);

  std::uint64_t records() const IMAKEEP_EXCLUDES(mutex_);
  std::uint64_t violations() const IMAKEEP_EXCLUDES(mutex_);
  // Why the records from number records() on are unknown and not counted; empty if nothing is damaged.
  std::string damage() const IMAKEEP_EXCLUDES(mutex_);
  // The file's size. After damage, the file has the bytes of the known records and one byte that cannot be read, so
  // that no reader takes the known bytes for the whole.
  std::uint64_t bytes(const ListFile& file) const IMAKEEP_EXCLUDES(mutex_);

  // Records [first, end) of the chain, and where their bytes lie in a file.
  struct Block {
    std::uint64_t first = 0;
    std::uint64_t end = 0;
    std::uint64_t offset = 0;
    std::uint64_t bytes = 0;
    std::uint64_t content_before = 0;  // sums over the records before the block, and including it
    std::uint64_t content_after = 0;
  };
  // The block that holds the byte at `offset` of the file; empty at the file's end. kMalformed if the list is damaged
  // there.
  Result<std::optional<Block>> block_at(const ListFile& file, std::uint64_t offset) const IMAKEEP_EXCLUDES(mutex_);
  // The block's bytes in the file. Errors: the store's; kMalformed for records that cannot be read or printed, or that
  // are not those that were there when the index was made.
  Result<Bytes> bytes_of(archive::Store& store, const ListFile& file, const Block& block) const;

 private:
  // The position before a record. Sizes leave out template digests, whose size depends on the file's bank.
  struct Mark {
    std::uint64_t first = 0;
    std::uint64_t binary_bytes = 0;
    std::uint64_t ascii_bytes = 0;
    std::uint64_t content = 0;  // a sum over all records before it, for this process only
  };
  class Growth;
  static std::uint64_t offset_of(const ListFile& file, const Mark& mark);

  const imalog::TemplateSet templates_;
  const archive::Chain chain_;  // as it was at construction: its current end is end_.first
  mutable Mutex mutex_;
  std::vector<Mark> blocks_ IMAKEEP_GUARDED_BY(mutex_);  // where each block begins
  Mark end_ IMAKEEP_GUARDED_BY(mutex_);
  std::uint64_t violations_ IMAKEEP_GUARDED_BY(mutex_) = 0;
  std::string damage_ IMAKEEP_GUARDED_BY(mutex_);  // why no record after end_ is known; empty without damage
};

}  // namespace imakeep::view
