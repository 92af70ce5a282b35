// SPDX-License-Identifier: Apache-2.0
#include "mlist/digest_table.h"

#include <algorithm>
#include <bit>

namespace imakeep::mlist {

DigestTable::Key DigestTable::key_of(const digest::Digest& digest, std::uint32_t pcr) {
  Key key{};
  std::copy_n(digest.view().begin(), std::min(key.size(), digest.size()), key.begin());
  key.back() ^= static_cast<std::byte>(pcr);
  return key;
}

// Uses bits that bucket_of() does not use.
std::uint32_t DigestTable::tag_of(const Key& key) {
  return std::to_integer<std::uint32_t>(key[8]) & 15u;
}

template <class T>
bool DigestTable::Blocks<T>::reserve(std::uint32_t i) {
  if (i / kPerBlock < blocks_.size()) return true;
  PageBlock block = PageBlock::allocate(kPerBlock * sizeof(T));
  if (!block.valid()) return false;
  blocks_.push_back(std::move(block));
  return true;
}

// Linear hashing: with 2^k + s buckets, the first s of the 2^k buckets are already split by one more bit.
std::uint32_t DigestTable::bucket_of(const Key& key) const {
  const auto hash = load<std::uint32_t>(key.data());  // a digest is as random as any hash
  const std::uint32_t low = std::bit_floor(buckets_);
  const std::uint32_t bucket = hash & (2 * low - 1);
  return bucket < buckets_ ? bucket : bucket & (low - 1);
}

bool DigestTable::contains(const digest::Digest& digest, std::uint32_t pcr) const {
  if (buckets_ == 0) return false;
  const Key key = key_of(digest, pcr);
  const std::uint32_t tag = tag_of(key);
  Link link = heads_[bucket_of(key)];
  while (link.entry != kNone) {
    if (link.tag == tag && pool_[link.entry].key == key) return true;
    if (link.last != 0) return false;
    link = pool_[link.entry].next;
  }
  return false;
}

bool DigestTable::insert(const digest::Digest& digest, std::uint32_t pcr) {
  if (entries_ == kMaxEntries || !pool_.reserve(entries_) || !heads_.reserve(buckets_)) return false;
  split_next_bucket();
  pool_[entries_].key = key_of(digest, pcr);
  push(entries_++);
  return true;
}

// Inserts an entry at the front of its bucket's chain.
void DigestTable::push(std::uint32_t entry) {
  const Key& key = pool_[entry].key;
  Link& head = heads_[bucket_of(key)];
  const bool alone = head.entry == kNone;
  if (!alone) pool_[entry].next = head;
  head = {.entry = entry & kNone, .tag = tag_of(key) & 15u, .last = alone ? 1u : 0u};
}

// Adds one bucket, and moves into it the entries of its older half that now belong there.
void DigestTable::split_next_bucket() {
  constexpr Link kEmpty{.entry = kNone, .tag = 0, .last = 1};
  const std::uint32_t added = buckets_++;
  heads_[added] = kEmpty;
  if (added == 0) return;
  Link& old_head = heads_[added & ~std::bit_floor(added)];
  Link link = old_head;
  old_head = kEmpty;
  while (link.entry != kNone) {
    const std::uint32_t entry = link.entry;
    const bool last = link.last != 0;
    link = pool_[entry].next;
    push(entry);
    if (last) break;
  }
  // Prefetch an entry of the bucket that will be split a few inserts from now.
  constexpr std::uint32_t kAhead = 4;
  const std::uint32_t soon = (added + kAhead) & ~std::bit_floor(added + kAhead);
  if (soon < buckets_ && heads_[soon].entry != kNone) __builtin_prefetch(&pool_[heads_[soon].entry], 1);
}

std::uint64_t DigestTable::memory_bytes() const {
  constexpr std::uint64_t kPageBytes = 4096;
  const auto pages = [](std::uint64_t bytes) { return (bytes + kPageBytes - 1) / kPageBytes * kPageBytes; };
  return pages(std::uint64_t{entries_} * sizeof(Entry)) + pages(std::uint64_t{buckets_} * sizeof(Link));
}

}  // namespace imakeep::mlist
