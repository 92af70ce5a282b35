// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cerrno>

#include "archive/archive.h"
#include "archive/payload.h"

// Archive's acknowledgements of verifiers, and its retention.

namespace imakeep::archive {

Result<void> Archive::acknowledge(const std::string& verifier, ChainId number, std::uint64_t record) {
  return write([&]() -> Result<void> {
    IMAKEEP_TRY(const auto& of, chain(number));
    IMAKEEP_TRY(const auto& rows, store_.verifiers());
    const auto known = std::find_if(
        rows.begin(), rows.end(), [&](const VerifierRow& row) { return row.name == verifier && row.chain == number; });
    if (record > of.end || (known != rows.end() && record < known->acknowledged)) {
      return fail(ErrorCode::kUsage, "verifier " + verifier + " cannot acknowledge " + std::to_string(record) +
                                         " records: the chain has " + std::to_string(of.end) +
                                         ", and an acknowledgement never decreases");
    }
    return store_.put_verifier({.name = verifier, .chain = number, .acknowledged = record});
  });
}

Result<std::optional<std::uint64_t>> Archive::acknowledged(ChainId number) {
  IMAKEEP_TRY(const auto& rows, store_.verifiers());
  std::optional<std::uint64_t> lowest;
  for (const VerifierRow& verifier : rows) {
    // A verifier without an acknowledgement of this chain has acknowledged none of its records.
    std::uint64_t here = 0;
    for (const VerifierRow& row : rows) {
      if (row.name == verifier.name && row.chain == number) here = row.acknowledged;
    }
    lowest = std::min(lowest.value_or(here), here);
  }
  return lowest;
}

namespace {

// Copies the segment's violations to rows of their own, so that they stay in the host's history. Returns their count.
Result<std::uint64_t> keep_violations(Store& store, const SegmentRow& row) {
  if (row.violations == 0) return std::uint64_t{0};
  IMAKEEP_TRY(const auto& payload, read_payload(store, row));
  SegmentReader reader(payload);
  std::uint64_t kept = 0;
  for (std::uint64_t number = row.first;; ++number) {
    IMAKEEP_TRY(const auto& record, reader.next());
    if (!record) return kept;
    if (!record->content.violation) continue;
    Bytes bytes;
    append_record(bytes, *record);
    IMAKEEP_CHECK(store.put_violation({.chain = row.chain, .number = number, .record = std::move(bytes)}));
    ++kept;
  }
}

// The number of the first record in the newest segments that together take at most `bytes`.
std::uint64_t oldest_within(const std::vector<SegmentRow>& segments, std::uint64_t bytes) {
  std::uint64_t taken = 0;
  for (auto it = segments.rbegin(); it != segments.rend(); ++it) {
    taken += it->stored_bytes;
    if (taken > bytes) return it->end();
  }
  return 0;
}

// Only records before `before` may be retired. `why` is the reason, as the end of a sentence about the other records.
struct Limit {
  std::uint64_t before = 0;
  std::string why;
};

Limit limit_of_verifiers(const std::optional<std::uint64_t>& acknowledged) {
  constexpr const char* kRemedy = "; --unacknowledged retires them anyway";
  if (acknowledged) {
    return {.before = *acknowledged,
            .why = std::string("are not acknowledged by every verifier: wait for them") + kRemedy};
  }
  return {.before = 0, .why = std::string("are acknowledged by no verifier, because none is registered") + kRemedy};
}

// The list may still hold the records from its head on.
Limit limit_of_list(const ListRow& list) {
  return {.before = list.head, .why = "may still be in the measurement list; retire them once they are trimmed"};
}

}  // namespace

Result<Retired> Archive::retire(ChainId number, const Retention& retention) {
  Retired retired;
  const auto decide = [&]() -> Result<void> {
    IMAKEEP_TRY(const auto& rows, store_.chains());
    const auto row = std::find_if(rows.begin(), rows.end(), [&](const ChainRow& r) { return r.chain == number; });
    if (row == rows.end())
      return fail(ErrorCode::kUsage, "no chain " + std::to_string(number.value()) + " in the archive");
    ChainRow kept = *row;
    IMAKEEP_TRY(const auto& proven, acknowledged(number));
    IMAKEEP_TRY(const auto& list, store_.list(number));
    Limit limit = retention.unacknowledged ? Limit{.before = kept.end, .why = {}} : limit_of_verifiers(proven);
    if (list && list->head < limit.before) limit = limit_of_list(*list);
    const SegmentListing listing = store_.segments(number);
    if (!listing.damage.empty()) return unexpected(listing.damage.front());
    const std::uint64_t before = std::min(retention.before, oldest_within(listing.segments, retention.keep_bytes));
    bool held_back = false;
    for (std::size_t i = 0; i + 1 < listing.segments.size(); ++i) {
      const SegmentRow& segment = listing.segments[i];
      if (segment.first != kept.first_kept) {
        return fail(ErrorCode::kMalformed, "no segment holds record " + std::to_string(kept.first_kept) +
                                               "; `imakeep log --check` tells what is damaged");
      }
      // A segment may hold records that are much newer than its first one, but none newer than the next segment's
      // first.
      const std::int64_t newest_unix_s = listing.segments[i + 1].added_unix_s;
      if (segment.end() > before || newest_unix_s >= retention.added_before_unix_s) break;
      held_back = segment.end() > limit.before;
      if (held_back) break;
      IMAKEEP_TRY(const auto& violations,
                  retention.dry_run ? Result<std::uint64_t>(segment.violations) : keep_violations(store_, segment));
      if (!retention.dry_run) IMAKEEP_CHECK(store_.remove_segment(number, segment.first));
      if (retired.records == 0) retired.first = segment.first;
      if (retired.records == 0) retired.oldest_unix_s = segment.added_unix_s;
      retired.newest_unix_s = newest_unix_s;
      retired.stored_bytes += segment.stored_bytes;
      retired.records += segment.records;
      retired.violations_kept += violations;
      kept.first_kept = segment.end();
    }
    if (held_back && retired.records == 0) {
      return refuse(EBUSY, "records from " + std::to_string(kept.first_kept) + " on " + limit.why);
    }
    return retention.dry_run ? Result<void>() : store_.put_chain(kept);
  };
  if (retention.dry_run) {
    Transaction reading(store_);
    IMAKEEP_CHECK(reading.begin_reading());
    IMAKEEP_CHECK(decide());
    return retired;
  }
  const auto written = write(decide);
  if (!written) return unexpected(written.error());
  return retired;
}

}  // namespace imakeep::archive
