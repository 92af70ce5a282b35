// SPDX-License-Identifier: Apache-2.0
#include "archive/archive_reader.h"

#include <algorithm>
#include <utility>

#include "archive/payload.h"

namespace imakeep::archive {

Damage ArchiveReader::skip_to(std::uint64_t number, std::string what) {
  const std::uint64_t to = std::clamp(number, next_ + 1, end_);
  Damage damage{.first = next_, .records = to - next_, .what = std::move(what)};
  next_ = to;
  return damage;
}

// The segment that holds record next_, or else the first segment after it. If the direct lookup meets damage, searches
// the listing of all segments.
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

// Fills records_ with the records from next_ on, or returns the damage there.
Result<std::optional<Damage>> ArchiveReader::load() {
  std::optional<SegmentRow> segment;
  Result<Bytes> payload = Bytes();
  // After the reader has read the segment's row and before it reads the data, a writer may merge the segment into
  // another one. Then the reader looks the segment up again.
  constexpr int kTries = 5;
  for (int tried = 0; tried < kTries; ++tried) {
    std::string why = "no segment holds them";
    IMAKEEP_TRY(auto found, find_segment(why));
    segment = std::move(found);
    if (!segment) return skip_to(end_, std::move(why));
    if (segment->first > next_) return skip_to(segment->first, std::move(why));
    payload = read_payload(store_, *segment);
    if (payload || payload.error().code != ErrorCode::kUsage) break;
  }
  // If the store lists the segment every time and never finds its data, an index is damaged.
  const bool damaged =
      !payload && (payload.error().code == ErrorCode::kMalformed || payload.error().code == ErrorCode::kUsage);
  if (!payload && !damaged) return unexpected(payload.error());
  if (!payload) return skip_to(segment->end(), describe(payload.error()));
  payload_ = std::move(*payload);
  return decode(*segment);
}

// Fills records_ with the segment's records from next_ up to end_. Damage after a decoded record goes to broken_, so
// that the reader returns the record first.
std::optional<Damage> ArchiveReader::decode(const SegmentRow& row) {
  SegmentReader reader(payload_);
  for (std::uint64_t number = row.first; number < std::min(row.end(), end_); ++number) {
    const auto record = reader.next();
    if (!record || !*record) {
      std::string why = record ? "the segment holds fewer records than it should" : describe(record.error());
      if (records_.empty()) return skip_to(row.end(), std::move(why));
      broken_ = Broken{.to = row.end(), .why = std::move(why)};
      return std::nullopt;
    }
    if (number >= next_) records_.push_back(**record);
  }
  return std::nullopt;
}

Result<ArchiveReader::Run> ArchiveReader::next_run() {
  if (at_ == records_.size()) {
    records_.clear();
    at_ = 0;
    std::optional<Damage> damage;
    if (broken_) {
      damage = skip_to(broken_->to, std::move(broken_->why));
      broken_.reset();
    } else if (next_ < end_) {
      IMAKEEP_TRY(auto loaded, load());
      damage = std::move(loaded);
    }
    if (damage) {
      const std::uint64_t first = damage->first;
      return Run{.first = first, .records = {}, .damage = std::move(damage)};
    }
  }
  const Run run{.first = next_, .records = std::span(records_).subspan(at_), .damage = std::nullopt};
  next_ += run.records.size();
  at_ = records_.size();
  return run;
}

Result<ArchiveReader::Step> ArchiveReader::next() {
  if (at_ == records_.size()) {
    IMAKEEP_TRY(auto run, next_run());
    if (run.done() || run.damage) return Step{.record = std::nullopt, .damage = std::move(run.damage)};
    // Return the records of the run one by one.
    next_ = run.first;
    at_ = 0;
  }
  return Step{.record = NumberedRecord{.number = next_++, .record = records_[at_++]}, .damage = std::nullopt};
}

}  // namespace imakeep::archive
