// SPDX-License-Identifier: Apache-2.0
#include "mlist/chunk.h"

#include <algorithm>

namespace imakeep::mlist {
namespace {

constexpr std::size_t kHeaderBytes = 8;

}  // namespace

Extent& Extent::operator+=(const Extent& other) {
  records += other.records;
  counted_bytes += other.counted_bytes;
  undigested_bytes += other.undigested_bytes;
  return *this;
}

Extent operator-(Extent a, const Extent& b) {
  a.records -= b.records;
  a.counted_bytes -= b.counted_bytes;
  a.undigested_bytes -= b.undigested_bytes;
  return a;
}

std::shared_ptr<Chunk> Chunk::create(std::size_t body_bytes) {
  PageBlock memory = PageBlock::allocate(std::max(kChunkBytes, kHeaderBytes + body_bytes));
  if (!memory.valid()) return nullptr;
  return std::shared_ptr<Chunk>(new Chunk(std::move(memory)));
}

Chunk::~Chunk() {
  // Destroys a chain of many chunks in a loop; otherwise each chunk would add one nested destructor call. A chunk that
  // is destroyed as the successor of another hands its own successor to that loop. use_count() could not decide this:
  // it does not order earlier accesses by readers.
  thread_local std::shared_ptr<Chunk>* successor = nullptr;
  if (successor != nullptr) {
    *successor = std::move(next_);
    return;
  }
  std::shared_ptr<Chunk> next = std::move(next_);
  while (next) {
    std::shared_ptr<Chunk> after;
    successor = &after;
    next.reset();
    successor = nullptr;
    next = std::move(after);
  }
}

bool Chunk::has_room(std::size_t body_bytes) const {
  return memory_.size() - end_.load(std::memory_order_relaxed) >= kHeaderBytes + body_bytes;
}

void Chunk::put(const StoredRecordView& record, const Extent& extent) {
  const std::size_t offset = end_.load(std::memory_order_relaxed);
  std::byte* const to = memory_.data() + offset;
  store(to, static_cast<std::uint32_t>(record.body.size()));
  store(to + 4, record.template_id);
  store(to + 6, static_cast<std::uint8_t>(record.pcr));
  store(to + 7, static_cast<std::uint8_t>(record.violation));
  std::copy(record.body.begin(), record.body.end(), to + kHeaderBytes);
  extent_ += extent;
  end_.store(offset + kHeaderBytes + record.body.size(), std::memory_order_release);
}

void Chunk::seal(std::shared_ptr<Chunk> next) {
  next_ = std::move(next);
  sealed_.store(true, std::memory_order_release);
}

const std::shared_ptr<Chunk>& Chunk::next() const {
  static const std::shared_ptr<Chunk> kNone;
  return sealed() ? next_ : kNone;
}

std::size_t Chunk::memory_bytes() const {
  constexpr std::size_t kPageBytes = 4096;
  return (end() + kPageBytes - 1) / kPageBytes * kPageBytes;
}

StoredRecordView Chunk::record_at(std::size_t& offset) const {
  const std::byte* const from = memory_.data() + offset;
  const auto body_bytes = load<std::uint32_t>(from);
  offset += kHeaderBytes + body_bytes;
  return {.pcr = load<std::uint8_t>(from + 6),
          .violation = load<std::uint8_t>(from + 7) != 0,
          .template_id = load<std::uint16_t>(from + 4),
          .body = {from + kHeaderBytes, body_bytes}};
}

}  // namespace imakeep::mlist
