// SPDX-License-Identifier: Apache-2.0
#include "query/digest_set.h"

#include <functional>

#include "digest/digest.h"

namespace imakeep::query {
namespace {

constexpr std::size_t kFirstSlots = 1024;
constexpr std::size_t kMostEntryBytes = 128;  // 8 Mi of them stay below 2^32 bytes

}  // namespace

void DigestSet::make_entry(std::string_view type, std::string_view algorithm, ByteView digest) {
  entry_.clear();
  append_bytes(entry_, as_bytes(type));
  entry_.push_back(std::byte{':'});
  append_bytes(entry_, as_bytes(algorithm));
  entry_.push_back(std::byte{':'});
  append_bytes(entry_, digest);
  if (entry_.size() <= kMostEntryBytes) return;
  const digest::Digest sum = digest::hash(digest::Algorithm::kSha256, entry_);
  entry_.assign(1, std::byte{0});
  append_bytes(entry_, sum.view());
}

ByteView DigestSet::entry_at(std::uint32_t offset) const {
  return ByteView(pool_).subspan(offset + 1, std::to_integer<std::size_t>(pool_[offset]));
}

// The slot with the entry, or the empty one where it belongs.
std::size_t DigestSet::slot_of(ByteView entry) const {
  const std::size_t mask = slots_.size() - 1;
  std::size_t slot = std::hash<std::string_view>()(as_text(entry)) & mask;
  while (slots_[slot] != 0 && !equal(entry_at(slots_[slot] - 1), entry)) slot = (slot + 1) & mask;
  return slot;
}

void DigestSet::grow() {
  slots_.assign(slots_.empty() ? kFirstSlots : 2 * slots_.size(), 0);
  for (std::size_t offset = 0; offset < pool_.size();) {
    const ByteView entry = entry_at(static_cast<std::uint32_t>(offset));
    slots_[slot_of(entry)] = static_cast<std::uint32_t>(offset + 1);
    offset += 1 + entry.size();
  }
}

Sight DigestSet::add(std::string_view type, std::string_view algorithm, ByteView digest) {
  if (digest.empty()) return Sight::kNone;
  make_entry(type, algorithm, digest);
  if (4 * (count_ + 1) > 3 * slots_.size() && !full()) grow();
  if (slots_.empty()) return Sight::kUnknown;
  const std::size_t slot = slot_of(entry_);
  if (slots_[slot] != 0) return Sight::kAgain;
  if (full()) return Sight::kUnknown;
  slots_[slot] = static_cast<std::uint32_t>(pool_.size() + 1);
  pool_.push_back(static_cast<std::byte>(entry_.size()));
  append_bytes(pool_, entry_);
  ++count_;
  return Sight::kFirst;
}

}  // namespace imakeep::query
