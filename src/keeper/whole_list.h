// keeper/whole_list.h - the bytes that IMA's files would show had nothing ever been taken out of the list: those of a
// chain's archived records, from its first.
//
// A byte once at an offset stays there for the life of the chain. Positions are found by an index of blocks, each of
// some hundred records, that is made by reading the archive once and then grows with it: 32 bytes of memory a block.
// Damage: what cannot be read from the archive has no size either, so nothing behind it has a place; see bytes().
// Threads: extend() by one; the rest by any, each with a store of its own.
#pragma once

#include "archive/archive_reader.h"
#include "base/mutex.h"
#include "imalog/ima_directory.h"

namespace imakeep::keeper {

// What a file shows.
struct ListFile {
  imalog::Form form = imalog::Form::kBinary;
  digest::Bank bank;

  friend bool operator==(const ListFile&, const ListFile&) = default;
};

class WholeList {
 public:
  // Blocks take about so many bytes of the list, at most twice as many and a record; so much is made for a byte
  // anywhere.
  static constexpr std::uint64_t kBlockBytes = 128u << 10;

  // Of that chain, of which nothing is known yet. Refuses none; a chain whose beginning was retired has no bytes.
  explicit WholeList(const archive::Chain& chain);

  std::uint64_t chain() const { return chain_.chain; }

  // Takes in the chain's records up to before `end`, all of which are archived. Errors: the store's, but for
  // kMalformed.
  Result<void> extend(archive::Store& store, std::uint64_t end) IMAKEEP_EXCLUDES(mutex_);

  std::uint64_t records() const IMAKEEP_EXCLUDES(mutex_);
  std::uint64_t violations() const IMAKEEP_EXCLUDES(mutex_);
  // Why nothing is known behind that, counts among it; empty if all is.
  std::string damage() const IMAKEEP_EXCLUDES(mutex_);
  // What the file holds. Behind damage it holds no more than is known, and one byte that cannot be read, so that nobody
  // takes what is there for the whole.
  std::uint64_t bytes(const ListFile& file) const IMAKEEP_EXCLUDES(mutex_);

  // Records [first, end) of the chain, and where their bytes lie in a file.
  struct Block {
    std::uint64_t first = 0;
    std::uint64_t end = 0;
    std::uint64_t offset = 0;
    std::uint64_t bytes = 0;
  };
  // The block that holds the byte at `offset` of the file; empty at the file's end. kMalformed where it is damaged.
  Result<std::optional<Block>> block_at(const ListFile& file, std::uint64_t offset) const IMAKEEP_EXCLUDES(mutex_);
  // The block's bytes in the file. kMalformed for what cannot be read or printed, and the store's errors.
  Result<Bytes> bytes_of(archive::Store& store, const ListFile& file, const Block& block) const;

 private:
  // Before a record: sizes without template digests, which are as long as the file's bank has them.
  struct Mark {
    std::uint64_t first = 0;
    std::uint64_t binary_bytes = 0;
    std::uint64_t ascii_bytes = 0;
  };
  class Growth;
  static std::uint64_t offset_of(const ListFile& file, const Mark& mark);

  const archive::Chain chain_;  // as it was when this began: its end is end_.first
  mutable Mutex mutex_;
  std::vector<Mark> blocks_ IMAKEEP_GUARDED_BY(mutex_);  // where each begins
  Mark end_ IMAKEEP_GUARDED_BY(mutex_);
  std::uint64_t violations_ IMAKEEP_GUARDED_BY(mutex_) = 0;
  std::string damage_ IMAKEEP_GUARDED_BY(mutex_);  // why nothing is known behind end_; empty if it is
};

}  // namespace imakeep::keeper
