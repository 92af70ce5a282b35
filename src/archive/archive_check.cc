// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "archive/archive.h"
#include "archive/payload.h"
#include "archive/pcr_bytes.h"

// Archive::check(): every segment has to decompress and to hold what its row says. Its replay has to give the state
// before the next segment, or to the state before an anchor. The segment after an anchor has to begin with the anchor's
// state.

namespace imakeep::archive {
namespace {

// The state after the segment's records. kMalformed if the records do not match the segment's row.
Result<digest::PcrState> replay_segment(Store& store, const Chain& chain, const SegmentRow& row) {
  IMAKEEP_TRY(const auto& payload, read_payload(store, row));
  auto state = pcr_state(row.start_pcrs, chain.banks);
  if (!state) return state;
  SegmentReader reader(payload);
  std::uint64_t violations = 0;
  for (;;) {
    IMAKEEP_TRY(const auto& record, reader.next());
    if (!record) break;
    extend(*state, *record);
    violations += record->content.violation ? 1u : 0u;
  }
  if (reader.records_read() != row.records || violations != row.violations || payload.size() != row.payload_bytes) {
    return fail(ErrorCode::kMalformed, "the segment holds " + std::to_string(reader.records_read()) +
                                           " records; its row says " + std::to_string(row.records));
  }
  return state;
}

class ChainCheck {
 public:
  ChainCheck(Store& store, const Chain& chain, std::vector<Finding>& findings)
      : store_(store), chain_(chain), findings_(findings) {}

  void run() {
    const SegmentListing listing = store_.segments(chain_.chain);
    for (const Error& error : listing.damage) found(next_, 0, describe(error));
    read_anchors();
    next_ = chain_.first_kept;
    for (std::size_t i = 0; i < listing.segments.size(); ++i) {
      const SegmentRow& row = listing.segments[i];
      if (row.first != next_) between(row);
      check(row, leads_to(listing.segments, i));
      next_ = std::max(next_, row.end());
    }
    if (next_ < chain_.end) found(next_, chain_.end - next_, "no segment holds them");
    if (next_ > chain_.end) found(chain_.end, next_ - chain_.end, "segments go beyond the end of the chain");
    for (const AnchorRow& row : anchors_) check(row, listing.segments);
  }

 private:
  void found(std::uint64_t first, std::uint64_t records, std::string what) {
    findings_.push_back({.chain = chain_.chain, .first = first, .records = records, .what = std::move(what)});
  }

  void between(const SegmentRow& row) {
    if (row.first > next_) return found(next_, row.first - next_, "no segment holds them");
    found(row.first, next_ - row.first, "two segments hold them");
  }

  void read_anchors() {
    auto rows = store_.anchors(chain_.chain);
    if (!rows) return found(0, 0, describe(rows.error()));
    anchors_ = std::move(*rows);
  }

  // The state that a replay of the segment has to give; null if it is not known.
  const Bytes* leads_to(const std::vector<SegmentRow>& segments, std::size_t i) const {
    const std::uint64_t end = segments[i].end();
    const auto anchor = std::ranges::lower_bound(anchors_, end, {}, &AnchorRow::number);
    if (anchor != anchors_.end() && anchor->number == end) return &anchor->before_pcrs;
    if (i + 1 == segments.size()) return end == chain_.end ? &end_pcrs_ : nullptr;
    return segments[i + 1].first == end ? &segments[i + 1].start_pcrs : nullptr;
  }

  void check(const SegmentRow& row, const Bytes* leads_to) {
    const auto state = replay_segment(store_, chain_, row);
    if (!state) return found(row.first, row.records, describe(state.error()));
    if (leads_to == nullptr || equal(pcr_bytes(*state), *leads_to)) return;
    found(row.first, row.records, "replay of the records does not match the PCR state stored after them");
  }

  void check(const AnchorRow& row, const std::vector<SegmentRow>& segments) {
    const auto damaged = [&](const std::string& what) {
      found(row.number, 0, "the anchor at record " + std::to_string(row.number) + " " + what);
    };
    if (row.number > chain_.end || row.broken_at > row.number || !pcr_state(row.pcrs, chain_.banks) ||
        !pcr_state(row.before_pcrs, chain_.banks)) {
      return damaged("is damaged");
    }
    const auto next = std::ranges::upper_bound(segments, row.number, {}, &SegmentRow::end);
    if (next != segments.end() && next->first < row.number) return damaged("lies within a segment");
    const Bytes* follows = nullptr;
    if (row.number == chain_.end) follows = &end_pcrs_;
    if (next != segments.end() && next->first == row.number) follows = &next->start_pcrs;
    if (follows == nullptr || equal(row.pcrs, *follows)) return;
    damaged("does not match the PCR state that follows it");
  }

  Store& store_;
  const Chain& chain_;
  std::vector<Finding>& findings_;
  std::vector<AnchorRow> anchors_;
  const Bytes end_pcrs_ = pcr_bytes(chain_.end_pcrs);
  std::uint64_t next_ = 0;
};

void check_quotes(Store& store, const ChainRow& chain, std::vector<Finding>& findings) {
  const auto quotes = store.quotes(chain.chain);
  if (!quotes) return findings.push_back({.what = describe(quotes.error())});
  for (const QuoteRow& row : *quotes) {
    if (row.records <= chain.end && pcr_values(row.pcrs)) continue;
    findings.push_back({.chain = chain.chain, .what = "quote " + std::to_string(row.quote) + " is damaged"});
  }
}

// Checks the rows that ChainCheck does not read.
void check_other_rows(Store& store, const std::vector<ChainRow>& chains, std::vector<Finding>& findings) {
  const auto known = [&](ChainId chain) {
    return std::any_of(chains.begin(), chains.end(), [&](const ChainRow& row) { return row.chain == chain; });
  };
  const auto found = [&](std::string what) { findings.push_back({.what = std::move(what)}); };
  if (const auto numbers = store.chains_of_segments()) {
    for (const ChainId chain : *numbers) {
      if (!known(chain))
        found("the archive has segments of chain " + std::to_string(chain.value()) + ", which has no row");
    }
  }
  if (const auto rows = store.sources(); !rows) found(describe(rows.error()));
  if (const auto rows = store.verifiers(); !rows) found(describe(rows.error()));
  if (const auto row = store.pending(); !row) found(describe(row.error()));
  if (const auto rows = store.incidents(); !rows) found(describe(rows.error()));
  for (const ChainRow& chain : chains) {
    const auto list = store.list(chain.chain);
    if (!list) found(describe(list.error()));
    if (list && *list && ((*list)->head > chain.end || (*list)->proven > chain.end)) {
      findings.push_back({.chain = chain.chain, .what = "the row of its list goes beyond the end of the chain"});
    }
    check_quotes(store, chain, findings);
    const auto violations = store.violations(chain.chain);
    if (!violations) {
      found(describe(violations.error()));
      continue;
    }
    for (const ViolationRow& row : *violations) {
      SegmentReader reader(row.record);
      const auto record = reader.next();
      if (record && *record && (*record)->content.violation && reader.offset() == row.record.size()) continue;
      findings.push_back(
          {.chain = row.chain, .first = row.number, .records = 1, .what = "the retained violation is damaged"});
    }
  }
}

}  // namespace

Result<std::vector<Finding>> Archive::check() {
  Transaction reading(store_);
  IMAKEEP_CHECK(reading.begin_reading());
  std::vector<Finding> findings;
  for (std::string& what : store_.check_file()) findings.push_back({.what = std::move(what)});
  const ChainListing chains = store_.chain_listing();
  for (const Error& error : chains.damage) {
    if (error.code != ErrorCode::kMalformed) return unexpected(error);
    findings.push_back({.what = describe(error)});
  }
  for (const ChainRow& row : chains.chains) {
    const auto of = chain(row.chain);
    if (of) {
      ChainCheck(store_, *of, findings).run();
    } else {
      findings.push_back({.what = describe(of.error())});
    }
  }
  check_other_rows(store_, chains.chains, findings);
  return findings;
}

}  // namespace imakeep::archive
