#include "archive/archive_reader.h"

#include <algorithm>

#include "archive/payload.h"

namespace imakeep::archive {

Damage ArchiveReader::skip_to(std::uint64_t number, std::string what) {
  const std::uint64_t to = std::clamp(number, next_ + 1, end_);
  Damage damage{.first = next_, .records = to - next_, .what = std::move(what)};
  next_ = to;
  reader_.reset();
  return damage;
}

// The segment that holds next_, or the first behind it. Where the direct way is damaged, the whole listing is.
Result<std::optional<SegmentRow>> ArchiveReader::find_segment(std::string& why) {
  auto found = store_.segment_from(chain_, next_);
  if (found || found.error().code != ErrorCode::kMalformed) return found;
  why = describe(found.error());
  const SegmentListing listing = store_.segments(chain_);
  for (const SegmentRow& row : listing.segments) {
    if (row.end() > next_) return row;
  }
  return std::nullopt;
}

// Makes reader_ stand at next_, or tells what is damaged there.
Result<std::optional<Damage>> ArchiveReader::load() {
  std::optional<SegmentRow> segment;
  Result<Bytes> payload = Bytes();
  // A writer may gather the segment into another between our reading its row and its data: it is looked up again.
  constexpr int kTries = 5;
  for (int tried = 0; tried < kTries; ++tried) {
    std::string why = "no segment holds them";
    auto found = find_segment(why);
    if (!found) return unexpected(found.error());
    segment = std::move(*found);
    if (!segment) return skip_to(end_, std::move(why));
    if (segment->first > next_) return skip_to(segment->first, std::move(why));
    payload = read_payload(store_, *segment);
    if (payload || payload.error().code != ErrorCode::kUsage) break;
  }
  const SegmentRow& row = *segment;
  if (!payload && payload.error().code != ErrorCode::kMalformed) return unexpected(payload.error());
  if (!payload) return skip_to(row.end(), describe(payload.error()));
  payload_ = std::move(*payload);
  reader_.emplace(payload_);
  segment_end_ = row.end();
  for (std::uint64_t number = row.first; number < next_; ++number) {
    const auto record = reader_->next();
    if (!record || !*record) return skip_to(row.end(), "the segment holds fewer records than it should");
  }
  return std::nullopt;
}

Result<ArchiveReader::Step> ArchiveReader::next() {
  if (next_ >= end_) return Step{};
  if (!reader_ || next_ >= segment_end_) {
    auto damage = load();
    if (!damage) return unexpected(damage.error());
    if (*damage) return Step{.record = std::nullopt, .damage = std::move(**damage)};
  }
  const auto record = reader_->next();
  if (!record) return Step{.record = std::nullopt, .damage = skip_to(segment_end_, describe(record.error()))};
  if (!*record) {
    return Step{.record = std::nullopt,
                .damage = skip_to(segment_end_, "the segment holds fewer records than it should")};
  }
  return Step{.record = NumberedRecord{.number = next_++, .record = **record}, .damage = std::nullopt};
}

}  // namespace imakeep::archive
