// SPDX-License-Identifier: Apache-2.0
// mlist/chunk.h - the memory of a list's records: append-only; readers may walk it while one thread appends.
//
//   chunk  := record*
//   record := body_bytes:u32  template_id:u16  pcr:u8  violation:u8  body[body_bytes]      host order, unaligned
//
// put() writes a record first, and then publishes it with one store of the chunk's length. So a reader sees only whole
// records. When a chunk is full, the list seals it with its only successor. A sealed chunk never changes. A chunk owns
// its successor, so an owner of one chunk keeps all following chunks alive.
// Threads: one thread at a time calls put() and seal() (under the list's append lock). Any thread may call the rest.
#pragma once

#include <atomic>
#include <memory>

#include "base/bytes.h"
#include "base/page_block.h"

namespace imakeep::mlist {

inline constexpr std::size_t kChunkBytes = 256u << 10;

// Borrowed from the chunk.
struct StoredRecordView {
  std::uint32_t pcr = 0;
  bool violation = false;
  std::uint16_t template_id = 0;  // TemplateNames has the name
  ByteView body;
};

// The size of a number of records.
struct Extent {
  std::uint64_t records = 0;
  std::uint64_t counted_bytes = 0;     // as Linux counts them; see linux_counted_bytes()
  std::uint64_t undigested_bytes = 0;  // size in a binary file, without the digests

  Extent& operator+=(const Extent& other);
  friend Extent operator-(Extent a, const Extent& b);
  friend Extent operator+(Extent a, const Extent& b) { return a += b; }
  friend bool operator==(const Extent&, const Extent&) = default;
};

class Chunk {
 public:
  // Creates a chunk with room for at least one record with a body of `body_bytes`. Null if memory runs out.
  static std::shared_ptr<Chunk> create(std::size_t body_bytes);
  ~Chunk();

  bool has_room(std::size_t body_bytes) const;
  // Appends a record and publishes it. `extent` is that of the record. REQUIRES: has_room() returned true.
  void put(const StoredRecordView& record, const Extent& extent);
  // Seals this chunk. `next` follows it.
  void seal(std::shared_ptr<Chunk> next);

  // The following chunk; null until this chunk is sealed. Use extent() only on a sealed chunk.
  const std::shared_ptr<Chunk>& next() const;
  bool sealed() const { return sealed_.load(std::memory_order_acquire); }
  const Extent& extent() const { return extent_; }

  // Offset after the last published record.
  std::size_t end() const { return end_.load(std::memory_order_acquire); }
  // Returns the record at `offset`, and advances `offset` to the next one. REQUIRES: offset < end().
  StoredRecordView record_at(std::size_t& offset) const;

  // Memory of the chunk: only pages that were written.
  std::size_t memory_bytes() const;

  // Size of a sealed chunk's ASCII form without digests, which a reader computed and later readers reuse. 0 until then.
  std::uint64_t remembered_ascii_bytes() const { return ascii_bytes_.load(std::memory_order_relaxed); }
  void remember_ascii_bytes(std::uint64_t bytes) const { ascii_bytes_.store(bytes, std::memory_order_relaxed); }

 private:
  explicit Chunk(PageBlock memory) : memory_(std::move(memory)) {}

  PageBlock memory_;
  Extent extent_;
  std::atomic<std::size_t> end_ = 0;
  std::atomic<bool> sealed_ = false;
  std::shared_ptr<Chunk> next_;  // written once, before sealed_
  mutable std::atomic<std::uint64_t> ascii_bytes_ = 0;
};

}  // namespace imakeep::mlist
