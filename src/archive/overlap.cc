// SPDX-License-Identifier: Apache-2.0
#include "archive/overlap.h"

#include <algorithm>

namespace imakeep::archive {
namespace {

// For each prefix of `part`, the length of its longest proper prefix that is also its suffix (Knuth, Morris and Pratt).
std::vector<std::size_t> borders(std::span<const RecordId> part) {
  std::vector<std::size_t> border(part.size(), 0);
  for (std::size_t i = 1, length = 0; i < part.size(); ++i) {
    while (length > 0 && part[i] != part[length]) length = border[length - 1];
    if (part[i] == part[length]) ++length;
    border[i] = length;
  }
  return border;
}

struct Match {
  std::optional<std::size_t> whole_at;  // index in `have` where all of `part` first begins
  std::size_t at_end = 0;               // length of the longest prefix of `part` at the end of `have`
  std::size_t most = 0;                 // length of the longest prefix of `part` anywhere in `have`
  std::size_t most_end = 0;             // index in `have` after that prefix
};

Match match(std::span<const RecordId> have, std::span<const RecordId> part) {
  Match found;
  std::size_t length = 0;
  PrefixMatcher matcher(part);
  for (std::size_t i = 0; i < have.size(); ++i) {
    length = matcher.next(have[i]);
    if (length == part.size() && !found.whole_at) found.whole_at = i + 1 - length;
    if (length > found.most) {
      found.most = length;
      found.most_end = i + 1;
    }
  }
  found.at_end = length;
  return found;
}

}  // namespace

PrefixMatcher::PrefixMatcher(std::span<const RecordId> part) : part_(part), border_(borders(part)) {}

std::size_t PrefixMatcher::next(const RecordId& id) {
  if (part_.empty()) return 0;
  while (length_ > 0 && (length_ == part_.size() || id != part_[length_])) length_ = border_[length_ - 1];
  if (id == part_[length_]) ++length_;
  return length_;
}

RecordId record_id(const imalog::RecordContentView& content) {
  std::array<std::byte, 6> head{};
  store(head.data(), static_cast<std::uint32_t>(content.template_name.size()), ByteOrder::kLittle);
  head[4] = static_cast<std::byte>(content.pcr);
  head[5] = static_cast<std::byte>(content.violation ? 1 : 0);
  const digest::Digest digest =
      digest::hash(digest::Algorithm::kSha256, {head, as_bytes(content.template_name), content.body});
  return {.high = load<std::uint64_t>(digest.view().data()), .low = load<std::uint64_t>(digest.view().data() + 8)};
}

Overlaps overlaps(std::span<const RecordId> have, std::span<const RecordId> part) {
  if (part.empty() || have.empty()) return {};
  const auto border = borders(part);
  const Match found = match(have, part);
  Overlaps overlaps{
      .lengths = {}, .whole_at = found.whole_at, .start_length = found.most, .start_at = found.most_end - found.most};
  if (found.whole_at) overlaps.lengths.push_back(part.size());
  for (std::size_t length = found.at_end; length > 0; length = border[length - 1]) {
    if (length < part.size()) overlaps.lengths.push_back(length);
  }
  return overlaps;
}

}  // namespace imakeep::archive
