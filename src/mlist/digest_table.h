// mlist/digest_table.h - the template digests measured so far, by PCR, so that the same record is not added twice.
//
// 36 bytes an entry and 4 for its bucket. Buckets grow one by one with the entries (linear hashing), so no insert has
// to move the whole table. Of a digest longer than 32 bytes the first 32 are kept: as hard to collide as SHA-256.
// A look-up that finds nothing, the common one, mostly touches a bucket and no entry: a link tells a few bits of what
// it leads to, and whether that is the chain's last.
//
// Source: ima_lookup_digest_entry() in security/integrity/ima/ima_queue.c, whose key is the same.
// Threads: one at a time (the list's append lock).
#pragma once

#include <array>
#include <vector>

#include "base/page_block.h"
#include "digest/digest.h"

namespace imakeep::mlist {

class DigestTable {
 public:
  // The limit of 27-bit entry numbers.
  static constexpr std::uint32_t kMaxEntries = (1u << 27) - 1;

  bool contains(const digest::Digest& digest, std::uint32_t pcr) const;
  // False, with nothing changed, when there is no memory or no room. The key is not in the table yet.
  bool insert(const digest::Digest& digest, std::uint32_t pcr);

  std::uint64_t entries() const { return entries_; }
  std::uint64_t memory_bytes() const;  // the pages written so far

 private:
  static constexpr std::uint32_t kNone = kMaxEntries;
  using Key = std::array<std::byte, 32>;  // the digest, its PCR folded in
  struct Link {
    std::uint32_t entry : 27;  // kNone in an empty bucket
    std::uint32_t tag : 4;     // tag_of() the entry's key
    std::uint32_t last : 1;    // nothing behind that entry
  };
  struct Entry {
    Key key;
    Link next;  // if the link to this entry was not the last
  };

  // Numbered items in blocks that never move.
  template <class T>
  class Blocks {
   public:
    static constexpr std::uint32_t kPerBlock = 16384;
    T& operator[](std::uint32_t i) const { return reinterpret_cast<T*>(blocks_[i / kPerBlock].data())[i % kPerBlock]; }
    // Makes room for item i, the one behind the last. False when there is no memory.
    bool reserve(std::uint32_t i);

   private:
    std::vector<PageBlock> blocks_;
  };

  static Key key_of(const digest::Digest& digest, std::uint32_t pcr);
  static std::uint32_t tag_of(const Key& key);
  std::uint32_t bucket_of(const Key& key) const;
  void push(std::uint32_t entry);
  void split_next_bucket();

  Blocks<Entry> pool_;
  Blocks<Link> heads_;
  std::uint32_t entries_ = 0;
  std::uint32_t buckets_ = 0;
};

}  // namespace imakeep::mlist
