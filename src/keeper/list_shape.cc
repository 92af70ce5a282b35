// SPDX-License-Identifier: Apache-2.0
#include "keeper/list_shape.h"

#include <algorithm>
#include <charconv>

namespace imakeep::keeper {
namespace {

std::from_chars_result read_number(const char* at, const char* end, RecordNumber& number) {
  std::uint64_t value = 0;
  const auto read = std::from_chars(at, end, value);
  if (read.ec == std::errc()) number = RecordNumber(value);
  return read;
}

}  // namespace

Result<ListShape> ListShape::parse(RecordNumber head, std::string_view missing) {
  const auto bad = [&] {
    return fail(ErrorCode::kMalformed, "not a list of record ranges: '" + std::string(missing) + "'");
  };
  ListShape shape(head);
  RecordNumber least = head;
  const char* at = missing.data();
  const char* const end = at + missing.size();
  while (at != end) {
    Range range;
    const auto first = read_number(at, end, range.first);
    if (first.ec != std::errc() || first.ptr == end || *first.ptr != '-') return bad();
    const auto last = read_number(first.ptr + 1, end, range.end);
    if (last.ec != std::errc() || range.first <= least || range.end <= range.first) return bad();
    shape.missing_.push_back(range);
    least = range.end;
    at = last.ptr;
    if (at != end && (*at++ != ',' || at == end)) return bad();
  }
  return shape;
}

std::string ListShape::missing_text() const {
  std::string text;
  for (const Range& range : missing_) {
    if (!text.empty()) text += ',';
    text += std::to_string(range.first.value()) + '-' + std::to_string(range.end.value());
  }
  return text;
}

std::uint64_t ListShape::records(RecordNumber end) const {
  if (end <= head_) return 0;
  std::uint64_t records = end - head_;
  for (const Range& range : missing_) {
    if (range.first < end) records -= std::min(range.end, end) - range.first;
  }
  return records;
}

RecordNumber ListShape::number_at(ListIndex index) const {
  RecordNumber number = head_ + (index - ListIndex(0));
  for (const Range& range : missing_) {
    if (range.first <= number) number += range.records();
  }
  return number;
}

void ListShape::advance(std::uint64_t records) {
  head_ = number_at(ListIndex(records));
  std::erase_if(missing_, [this](const Range& range) { return range.first < head_; });
}

void ListShape::add_missing(Range range) {
  if (range.first >= range.end) return;
  // Missing ranges that touch the range become one with it.
  std::erase_if(missing_, [&range](const Range& other) {
    if (other.end < range.first || other.first > range.end) return false;
    range = {.first = std::min(other.first, range.first), .end = std::max(other.end, range.end)};
    return true;
  });
  if (range.first <= head_) {
    head_ = std::max(head_, range.end);
    return;
  }
  missing_.insert(std::ranges::upper_bound(missing_, range.first, {}, &Range::first), range);
}

}  // namespace imakeep::keeper
