// SPDX-License-Identifier: Apache-2.0
// mlist/digest_table.h - the template digests measured so far, by PCR. With it the list recognizes repeated records.
//
// Takes 36 bytes for an entry and 4 for its bucket. The table adds one bucket with each entry (linear hashing), so no
// insert has to move the whole table. Of a digest longer than 32 bytes it keeps the first 32: as hard to collide as
// SHA-256. Most look-ups find nothing. Such a look-up mostly reads a bucket and no entry: a link contains a few bits of
// its entry's key, and tells whether that entry is the last of the chain.
//
// Source: ima_lookup_digest_entry() in security/integrity/ima/ima_queue.c, whose key is the same.
// Threads: one at a time (under the list's append lock).
#pragma once

#include <array>
#include <vector>

#include "base/page_block.h"
#include "digest/digest.h"

namespace imakeep::mlist {

class DigestTable {
 public:
  // Limit of the 27-bit entry indexes.
  static constexpr std::uint32_t kMaxEntries = (1u << 27) - 1;

  bool contains(const digest::Digest& digest, std::uint32_t pcr) const;
  // Inserts a key. False, with nothing changed, if memory or indexes run out. REQUIRES: the key is not in the table.
  bool insert(const digest::Digest& digest, std::uint32_t pcr);

  std::uint64_t entries() const { return entries_; }
  std::uint64_t memory_bytes() const;  // counts only pages that were written

 private:
  static constexpr std::uint32_t kNone = kMaxEntries;
  using Key = std::array<std::byte, 32>;  // the digest, combined with its PCR
  struct Link {
    std::uint32_t entry : 27;  // kNone in an empty bucket
    std::uint32_t tag : 4;     // tag_of() of the entry's key
    std::uint32_t last : 1;    // 1: no entry follows that entry
  };
  struct Entry {
    Key key;
    Link next;  // valid if the link to this entry was not the last
  };

  // Items with an index, in blocks that never move.
  template <class T>
  class Blocks {
   public:
    static constexpr std::uint32_t kPerBlock = 16384;
    T& operator[](std::uint32_t i) const { return reinterpret_cast<T*>(blocks_[i / kPerBlock].data())[i % kPerBlock]; }
    // Makes room for item i, the next after the last. False if memory runs out.
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
