// mlist/chunk.h - where a list keeps its records: append-only memory that readers may walk while one thread appends.
//
//   chunk  := record*
//   record := body_bytes:u32  template_id:u16  pcr:u8  violation:u8  body[body_bytes]      host order, unaligned
//
// A record is written first and published by one store of the chunk's length, so a reader sees whole records only. A
// chunk that is full gets its one successor, which seals it; nothing in a sealed chunk changes any more. Chunks own
// their successors: whoever holds one holds all that follow.
// Threads: put() and seal() by one thread at a time (the list's append lock), everything else by any thread.
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
  std::uint16_t template_id = 0;  // TemplateNames tells the name
  ByteView body;
};

// What a number of records amounts to.
struct Extent {
  std::uint64_t records = 0;
  std::uint64_t counted_bytes = 0;     // as Linux counts them, see linux_counted_bytes()
  std::uint64_t undigested_bytes = 0;  // in a binary file, without the digests

  Extent& operator+=(const Extent& other);
  friend Extent operator-(Extent a, const Extent& b);
  friend Extent operator+(Extent a, const Extent& b) { return a += b; }
  friend bool operator==(const Extent&, const Extent&) = default;
};

class Chunk {
 public:
  // Room for one record with a body of `body_bytes` at least. Null when there is no memory.
  static std::shared_ptr<Chunk> create(std::size_t body_bytes);
  ~Chunk();

  bool has_room(std::size_t body_bytes) const;
  // Appends a record and publishes it. has_room() was true; `extent` is the record's.
  void put(const StoredRecordView& record, const Extent& extent);
  // Ends this chunk with the chunk that follows it.
  void seal(std::shared_ptr<Chunk> next);

  // The following chunk; null while there is none. sealed() and extent() are for chunks that have one.
  const std::shared_ptr<Chunk>& next() const;
  bool sealed() const { return sealed_.load(std::memory_order_acquire); }
  const Extent& extent() const { return extent_; }

  // Offset behind the last published record.
  std::size_t end() const { return end_.load(std::memory_order_acquire); }
  // The record at `offset`, which becomes that of the next one. offset < end().
  StoredRecordView record_at(std::size_t& offset) const;

  // What the chunk takes: the pages written so far.
  std::size_t memory_bytes() const;

  // A number that a reader worked out for a sealed chunk, kept for the next one. 0 while none did.
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
