// SPDX-License-Identifier: Apache-2.0
#include "query/record_times.h"

#include <algorithm>

namespace imakeep::query {

bool ArchivedBetween::overlaps(std::optional<std::int64_t> since_s, std::optional<std::int64_t> until_s) const {
  const std::int64_t earliest = not_after_s ? std::min(not_before_s, *not_after_s) : not_before_s;
  if (until_s && earliest > *until_s) return false;
  return !since_s || !not_after_s || std::max(not_before_s, *not_after_s) >= *since_s;
}

Result<ArchivedBetween> RecordTimes::of(archive::ChainId chain, std::uint64_t number) {
  if (known_ && known_->chain == chain && number >= known_->first && number < known_->end) return known_->between;
  IMAKEEP_TRY(const auto segment, store_.segment_from(chain, number));
  if (!segment || segment->first > number) {
    return fail(ErrorCode::kMalformed,
                "no segment of chain " + std::to_string(chain.value()) + " holds record " + std::to_string(number));
  }
  IMAKEEP_TRY(const auto next, store_.segment_from(chain, segment->end()));
  known_ = Known{.chain = chain,
                 .first = segment->first,
                 .end = segment->end(),
                 .between = {.not_before_s = segment->added_unix_s}};
  if (next) known_->between.not_after_s = next->added_unix_s;
  return known_->between;
}

Result<std::vector<NumberRange>> archived_within(archive::Store& store, const archive::Chain& chain,
                                                 std::optional<std::int64_t> since_s,
                                                 std::optional<std::int64_t> until_s) {
  std::vector<NumberRange> ranges;
  const auto add = [&](std::uint64_t from, std::uint64_t to) {
    from = std::max(from, chain.first_kept);
    to = std::min(to, chain.end);
    if (from >= to) return;
    if (!ranges.empty() && ranges.back().to >= from) {
      ranges.back().to = std::max(ranges.back().to, to);
    } else {
      ranges.push_back({.from = from, .to = to});
    }
  };
  if (!since_s && !until_s) {
    add(chain.first_kept, chain.end);
    return ranges;
  }
  const archive::SegmentListing listing = store.segments(chain.chain);
  // What damage hides is read, so that it is named.
  if (!listing.damage.empty()) {
    add(chain.first_kept, chain.end);
    return ranges;
  }
  const auto& segments = listing.segments;
  for (std::size_t i = 0; i < segments.size(); ++i) {
    ArchivedBetween between = {.not_before_s = segments[i].added_unix_s};
    if (i + 1 < segments.size()) between.not_after_s = segments[i + 1].added_unix_s;
    if (between.overlaps(since_s, until_s)) add(segments[i].first, segments[i].end());
  }
  return ranges;
}

}  // namespace imakeep::query
