#include "mlist/digest_table.h"

#include <algorithm>
#include <bit>

namespace imakeep::mlist {
namespace {

std::array<std::byte, 32> key_of(const digest::Digest& digest) {
  std::array<std::byte, 32> key{};
  std::copy_n(digest.view().begin(), std::min(key.size(), digest.size()), key.begin());
  return key;
}

}  // namespace

template <class T>
bool DigestTable::Blocks<T>::reserve(std::uint32_t i) {
  if (i / kPerBlock < blocks_.size()) return true;
  PageBlock block = PageBlock::allocate(kPerBlock * sizeof(T));
  if (!block.valid()) return false;
  blocks_.push_back(std::move(block));
  return true;
}

// Linear hashing: with 2^k + s buckets, the first s of the 2^k have been split by one more bit.
std::uint32_t DigestTable::bucket_of(const std::byte* key) const {
  const auto hash = load<std::uint32_t>(key);  // the digest is as random as a hash can be
  const std::uint32_t low = std::bit_floor(buckets_);
  const std::uint32_t bucket = hash & (2 * low - 1);
  return bucket < buckets_ ? bucket : bucket & (low - 1);
}

bool DigestTable::contains(const digest::Digest& digest, std::uint32_t pcr) const {
  if (buckets_ == 0) return false;
  const auto key = key_of(digest);
  for (std::uint32_t i = heads_[bucket_of(key.data())]; i != kNone; i = pool_[i].next) {
    if (pool_[i].pcr == pcr && pool_[i].key == key) return true;
  }
  return false;
}

bool DigestTable::insert(const digest::Digest& digest, std::uint32_t pcr) {
  if (entries_ == kMaxEntries || !pool_.reserve(entries_) || !heads_.reserve(buckets_)) return false;
  split_next_bucket();
  Entry& entry = pool_[entries_];
  entry.key = key_of(digest);
  entry.pcr = pcr & 31u;
  std::uint32_t& head = heads_[bucket_of(entry.key.data())];
  entry.next = head & kNone;
  head = entries_++;
  return true;
}

// Adds one bucket and moves to it those entries of its older half that belong there.
void DigestTable::split_next_bucket() {
  const std::uint32_t added = buckets_++;
  heads_[added] = kNone;
  if (added == 0) return;
  std::uint32_t& old_head = heads_[added & ~std::bit_floor(added)];
  std::uint32_t chain = old_head;
  old_head = kNone;
  while (chain != kNone) {
    Entry& entry = pool_[chain];
    const std::uint32_t next = entry.next;
    std::uint32_t& head = heads_[bucket_of(entry.key.data())];
    entry.next = head & kNone;
    head = chain;
    chain = next;
  }
  // The split after the next few comes from the following buckets: have their entries at hand by then.
  constexpr std::uint32_t kAhead = 4;
  const std::uint32_t soon = (added + kAhead) & ~std::bit_floor(added + kAhead);
  if (soon < buckets_ && heads_[soon] != kNone) __builtin_prefetch(&pool_[heads_[soon]], 1);
}

std::uint64_t DigestTable::memory_bytes() const {
  constexpr std::uint64_t kPageBytes = 4096;
  const auto pages = [](std::uint64_t bytes) { return (bytes + kPageBytes - 1) / kPageBytes * kPageBytes; };
  return pages(std::uint64_t{entries_} * sizeof(Entry)) + pages(std::uint64_t{buckets_} * sizeof(std::uint32_t));
}

}  // namespace imakeep::mlist
