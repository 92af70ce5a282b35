// SPDX-License-Identifier: Apache-2.0
#include "archive/archive.h"

#include <algorithm>

#include "archive/append_options.h"
#include "archive/payload.h"
#include "archive/pcr_bytes.h"

namespace imakeep::archive {
namespace {

// The small segments at the end are merged once the chain has this many, or once they would fill a whole segment.
constexpr std::size_t kMaxSmallSegments = 32;

Result<Chain> chain_of(const ChainRow& row) {
  auto banks = digest::parse_banks(row.banks);
  auto end_pcrs = banks ? pcr_state(row.end_pcrs, *banks) : Result<digest::PcrState>(unexpected(banks.error()));
  const bool known_words =
      (row.byte_order == "little" || row.byte_order == "big") && (row.start == "boot" || row.start == "unknown");
  if (!end_pcrs || row.first_kept > row.end || !known_words) {
    return fail(ErrorCode::kMalformed, "the row of chain " + std::to_string(row.chain.value()) + " is damaged" +
                                           (end_pcrs ? "" : ": " + describe(end_pcrs.error())));
  }
  return Chain{.chain = row.chain,
               .banks = std::move(*banks),
               .order = row.byte_order == "big" ? ByteOrder::kBig : ByteOrder::kLittle,
               .start = row.start == "boot" ? ChainStart::kBoot : ChainStart::kUnknown,
               .first_kept = row.first_kept,
               .end = row.end,
               .end_pcrs = std::move(*end_pcrs)};
}

ChainRow row_of(const Chain& chain) {
  return {.chain = chain.chain,
          .banks = digest::bank_names(chain.banks),
          .byte_order = chain.order == ByteOrder::kBig ? "big" : "little",
          .start = chain.start == ChainStart::kBoot ? "boot" : "unknown",
          .first_kept = chain.first_kept,
          .end = chain.end,
          .end_pcrs = pcr_bytes(chain.end_pcrs)};
}

// Collects records into segments, and writes each segment that is full.
class SegmentWriter {
 public:
  SegmentWriter(Store& store, Chain& chain, std::int64_t now_unix_s)
      : store_(store), chain_(chain), now_unix_s_(now_unix_s) {
    begin_segment();
  }

  // Merges the small segments at the chain's end if it is time: removes them, and begins the new segment with their
  // records. The caller will add `coming_bytes` of data.
  Result<void> gather(std::size_t coming_bytes) {
    const auto tail = store_.tail(chain_.chain, kMaxSmallSegments + 1);
    if (!tail && tail.error().code == ErrorCode::kMalformed) return {};  // Leave damaged segments as they are.
    if (!tail) return unexpected(tail.error());
    IMAKEEP_TRY(const auto& from, first_to_gather(*tail));
    std::vector<std::pair<SegmentRow, Bytes>> small;  // newest first
    std::size_t bytes = coming_bytes;
    std::uint64_t end = chain_.end;
    for (const SegmentRow& row : *tail) {
      if (row.payload_bytes >= kSegmentPayloadBytes || row.end() != end || row.first < from) break;
      auto payload = read_payload(store_, row);
      if (!payload || payload->size() != row.payload_bytes) break;  // Leave damaged segments as they are.
      end = row.first;
      bytes += payload->size();
      small.emplace_back(row, std::move(*payload));
    }
    if (small.empty() || (small.size() < kMaxSmallSegments && bytes < kSegmentPayloadBytes)) return {};
    row_ = small.back().first;
    row_.records = row_.violations = 0;
    for (auto it = small.rbegin(); it != small.rend(); ++it) {
      IMAKEEP_CHECK(store_.remove_segment(chain_.chain, it->first.first));
      append_bytes(payload_, it->second);
      row_.records += it->first.records;
      row_.violations += it->first.violations;
    }
    return {};
  }

  // REQUIRES: the chain's end and PCRs already include the record.
  Result<void> add(const RecordView& record) {
    append_record(payload_, record);
    ++row_.records;
    row_.violations += record.content.violation ? 1u : 0u;
    return payload_.size() < kSegmentPayloadBytes ? Result<void>() : flush();
  }

  Result<void> flush() {
    if (row_.records == 0) return {};
    row_.payload_bytes = payload_.size();
    auto added = store_.add_segment(row_, compress(payload_));
    begin_segment();
    return added;
  }

 private:
  // The first record that may be merged. Records before the last anchor stay in segments of their own, because a
  // segment has only one PCR state, before its first record.
  Result<std::uint64_t> first_to_gather(const std::vector<SegmentRow>& tail) {
    if (tail.empty()) return chain_.end;
    const auto anchors = store_.anchors_from(chain_.chain, tail.back().first);
    if (anchors) return anchors->empty() ? 0 : anchors->back().number;
    // If the anchors cannot be read, merge nothing.
    if (anchors.error().code == ErrorCode::kMalformed) return chain_.end;
    return unexpected(anchors.error());
  }

  void begin_segment() {
    payload_.clear();
    row_ = {.chain = chain_.chain,
            .first = chain_.end,
            .added_unix_s = now_unix_s_,
            .start_pcrs = pcr_bytes(chain_.end_pcrs)};
  }

  Store& store_;
  Chain& chain_;
  const std::int64_t now_unix_s_;
  SegmentRow row_;
  Bytes payload_;
};

// Adds records to the chain: checks the digest of each record, replays the record, and writes it.
class Intake {
 public:
  Intake(Store& store, Chain& chain, const digest::Bank& shown, std::int64_t now_unix_s)
      : chain_(chain), shown_(shown), writer_(store, chain, now_unix_s) {
    for (const digest::Bank& bank : chain.banks) batches_.emplace_back(bank);
    const auto known = std::ranges::find(chain.banks, shown);
    shown_batch_ = static_cast<std::size_t>(known - chain.banks.begin());
    if (known == chain.banks.end()) batches_.emplace_back(shown);
    computed_.resize(batches_.size());
  }

  Result<Appended> take(std::span<const IncomingView> records) {
    std::size_t bytes = 0;
    for (const IncomingView& record : records) bytes += record.content.body.size();
    IMAKEEP_CHECK(writer_.gather(bytes));
    Appended appended;
    while (!records.empty()) {
      const auto some = records.first(std::min(records.size(), kRecordsAtOnce));
      records = records.subspan(some.size());
      compute_digests(some);
      for (std::size_t i = 0; i < some.size(); ++i) {
        const RecordView record = checked(some[i], i);
        if (record.own) appended.mismatched.push_back(chain_.end);
        ++chain_.end;
        IMAKEEP_CHECK(writer_.add(record));
        ++appended.records;
      }
    }
    IMAKEEP_CHECK(writer_.flush());
    return appended;
  }

 private:
  static constexpr std::size_t kRecordsAtOnce = 512;

  void compute_digests(std::span<const IncomingView> records) {
    for (std::size_t i = 0; i < batches_.size(); ++i) {
      batches_[i].clear();
      for (const IncomingView& record : records) batches_[i].add_extended(record.content);
      computed_[i] = batches_[i].compute();
    }
  }

  // The record, with a stored digest if the digest shown differs from that of the data. Also extends the record into
  // the chain's PCRs.
  RecordView checked(const IncomingView& incoming, std::size_t i) {
    RecordView record{.content = incoming.content};
    // A violation always shows zeros, because the decoder recognizes it by them.
    if (!incoming.content.violation && !equal(computed_[shown_batch_][i].view(), incoming.shown)) {
      record.own = OwnDigestView{.bank = shown_, .digest = incoming.shown};
    }
    for (std::size_t bank = 0; bank < chain_.banks.size(); ++bank) {
      const bool own = record.own && bank == shown_batch_;
      chain_.end_pcrs.extend(bank, incoming.content.pcr, own ? digest::Digest(incoming.shown) : computed_[bank][i]);
    }
    return record;
  }

  Chain& chain_;
  const digest::Bank& shown_;
  SegmentWriter writer_;
  std::vector<imalog::DigestBatch> batches_;  // one for each bank of the chain, and for shown_ if it is not one of them
  std::size_t shown_batch_ = 0;
  std::vector<std::span<const digest::Digest>> computed_;  // the results of batches_
};

}  // namespace

Result<void> Archive::write(const std::function<Result<void>()>& change) {
  Transaction transaction(store_);
  IMAKEEP_CHECK(transaction.begin());
  IMAKEEP_CHECK(change());
  return transaction.commit();
}

Result<std::vector<Chain>> Archive::chains() {
  IMAKEEP_TRY(const auto& rows, store_.chains());
  std::vector<Chain> chains;
  for (const ChainRow& row : rows) {
    IMAKEEP_TRY(auto chain, chain_of(row));
    chains.push_back(std::move(chain));
  }
  return chains;
}

Result<Chain> Archive::chain(ChainId number) {
  // Only this chain's row counts: the chain can be read even if the row of another one is damaged.
  const ChainListing listing = store_.chain_listing();
  for (const ChainRow& row : listing.chains) {
    if (row.chain == number) return chain_of(row);
  }
  if (!listing.damage.empty()) return unexpected(listing.damage.front());
  if (listing.chains.empty()) return fail(ErrorCode::kUsage, "the archive holds no chain yet");
  return fail(ErrorCode::kUsage, "no chain " + std::to_string(number.value()) + " in the archive; it holds 1 to " +
                                     std::to_string(listing.chains.back().chain.value()));
}

Result<std::optional<Chain>> Archive::chain_or_last(std::optional<ChainId> number) {
  if (number) return chain(*number);
  IMAKEEP_TRY(auto all, chains());
  if (all.empty()) return std::nullopt;
  return std::move(all.back());
}

Result<bool> Archive::is_kept(ChainId number) {
  IMAKEEP_TRY(const auto& origin, store_.origin(number));
  if (origin) return origin->origin == "list";
  IMAKEEP_TRY(const auto& row, store_.list(number));
  return row.has_value();
}

Result<bool> Archive::is_imported(ChainId number) {
  IMAKEEP_TRY(const auto& origin, store_.origin(number));
  if (origin) return origin->origin == "import";
  // A chain of an older imakeep has no origin. If a keeper followed it, it has a ListRow.
  const auto kept = is_kept(number);
  const auto sources = store_.sources();
  if (!kept || !sources) return unexpected(kept ? sources.error() : kept.error());
  return !*kept && std::ranges::find(*sources, number, &SourceRow::chain) != sources->end();
}

Result<std::optional<Chain>> Archive::host_chain() {
  IMAKEEP_TRY(auto all, chains());
  for (auto chain = all.rbegin(); chain != all.rend(); ++chain) {
    IMAKEEP_TRY(const auto& imported, is_imported(chain->chain));
    if (!imported) return std::move(*chain);
  }
  return std::nullopt;
}

Result<Chain> Archive::begin_chain(const digest::PcrState& pcrs, ChainStart start, ByteOrder order, OriginRow origin) {
  Chain chain{.chain = ChainId(1), .banks = pcrs.banks(), .order = order, .start = start, .end_pcrs = pcrs};
  auto written = write([&]() -> Result<void> {
    IMAKEEP_TRY(const auto& rows, store_.chains());
    if (!rows.empty()) chain.chain = rows.back().chain + 1;
    origin.chain = chain.chain;
    if (!origin.origin.empty()) IMAKEEP_CHECK(store_.put_origin(origin));
    return store_.put_chain(row_of(chain));
  });
  if (!written) return unexpected(written.error());
  return chain;
}

Result<void> Archive::set_fills(ChainId number, const std::vector<digest::Bank>& banks) {
  IMAKEEP_TRY(const auto& counted, stats(number));
  return write([&]() -> Result<void> {
    IMAKEEP_TRY(auto chain_now, chain(number));
    if (!std::ranges::equal(chain_now.banks, banks, {}, &digest::Bank::algorithm, &digest::Bank::algorithm)) {
      return fail(ErrorCode::kUsage, "chain " + std::to_string(number.value()) + " has the banks " +
                                         digest::bank_names(chain_now.banks) + ", not " + digest::bank_names(banks));
    }
    if (counted.violations > 0) {
      return fail(ErrorCode::kUsage, "chain " + std::to_string(number.value()) + " holds violations as " +
                                         digest::bank_names(chain_now.banks) + " extends them");
    }
    chain_now.banks = banks;
    return store_.put_chain(row_of(chain_now));
  });
}

Result<Appended> Archive::append(ChainId number, std::uint64_t first, std::span<const IncomingView> records,
                                 const digest::Bank& shown, std::int64_t now_unix_s, const AppendOptions& options) {
  Appended appended;
  auto written = write([&]() -> Result<void> {
    IMAKEEP_TRY(auto chain_now, chain(number));
    if (chain_now.end != first) {
      return fail(ErrorCode::kMismatch, "chain " + std::to_string(number.value()) + " goes on with record " +
                                            std::to_string(chain_now.end) + ", not " + std::to_string(first));
    }
    if (!records.empty()) {
      IMAKEEP_TRY(auto taken, Intake(store_, chain_now, shown, now_unix_s).take(records));
      appended = std::move(taken);
    }
    IMAKEEP_CHECK(put_append_options(store_, chain_now, options));
    return store_.put_chain(row_of(chain_now));
  });
  if (!written) return unexpected(written.error());
  return appended;
}

Result<digest::PcrState> Archive::state_at(const Chain& chain, std::uint64_t number) {
  if (number == chain.end) return chain.end_pcrs;
  if (number > chain.end || number < chain.first_kept) {
    return fail(ErrorCode::kUsage, "the archive holds records " + std::to_string(chain.first_kept) + " to " +
                                       std::to_string(chain.end) + " of the chain");
  }
  IMAKEEP_TRY(const auto& segment, store_.segment_from(chain.chain, number));
  if (!segment || segment->first > number) return fail(ErrorCode::kMalformed, "no segment holds the record");
  auto state = pcr_state(segment->start_pcrs, chain.banks);
  if (!state) return state;
  const auto payload = read_payload(store_, *segment);
  if (!payload && payload.error().code == ErrorCode::kUsage) {
    return fail(ErrorCode::kMalformed, "the segment that holds the record has no data");
  }
  if (!payload) return unexpected(payload.error());
  SegmentReader reader(*payload);
  for (std::uint64_t at = segment->first; at < number; ++at) {
    IMAKEEP_TRY(const auto& record, reader.next());
    if (!record) return fail(ErrorCode::kMalformed, "the segment holds fewer records than it should");
    extend(*state, *record);
  }
  return state;
}

Result<std::vector<Anchor>> Archive::anchors(const Chain& chain) {
  IMAKEEP_TRY(auto rows, store_.anchors(chain.chain));
  std::vector<Anchor> anchors;
  for (AnchorRow& row : rows) {
    if (row.number > chain.end) break;
    auto pcrs = pcr_state(row.pcrs, chain.banks);
    auto before_pcrs = pcr_state(row.before_pcrs, chain.banks);
    if (!pcrs || !before_pcrs || row.broken_at > row.number) {
      return fail(ErrorCode::kMalformed, "the anchor at record " + std::to_string(row.number) + " of chain " +
                                             std::to_string(chain.chain.value()) + " is damaged");
    }
    anchors.push_back({.number = row.number,
                       .broken_at = row.broken_at,
                       .why = std::move(row.why),
                       .since_unix_s = row.since_unix_s,
                       .pcrs = std::move(*pcrs),
                       .before_pcrs = std::move(*before_pcrs)});
  }
  return anchors;
}

Result<ReplayStart> Archive::replay_start(const Chain& chain) {
  IMAKEEP_TRY(auto known, anchors(chain));
  if (!known.empty() && known.back().number >= chain.first_kept) {
    return ReplayStart{.number = known.back().number, .pcrs = std::move(known.back().pcrs)};
  }
  IMAKEEP_TRY(auto state, state_at(chain, chain.first_kept));
  if (chain.first_kept == 0 && state.touched_pcrs() == 0) return ReplayStart{};
  return ReplayStart{.number = chain.first_kept, .pcrs = std::move(state)};
}

Result<Stats> Archive::stats(ChainId chain) {
  Transaction reading(store_);
  IMAKEEP_CHECK(reading.begin_reading());
  IMAKEEP_TRY(const auto& of, this->chain(chain));
  const SegmentListing listing = store_.segments(chain);
  IMAKEEP_TRY(const auto& retired, store_.violations(chain));
  if (!listing.damage.empty()) return unexpected(listing.damage.front());
  Stats stats{.segments = listing.segments.size(), .violations = retired.size()};
  std::uint64_t next = of.first_kept;
  for (const SegmentRow& row : listing.segments) {
    if (row.first != next) break;
    next = row.end();
    stats.violations += row.violations;
    stats.payload_bytes += row.payload_bytes;
  }
  if (next != of.end) {
    return fail(ErrorCode::kMalformed, "no segment holds record " + std::to_string(next) + " of chain " +
                                           std::to_string(chain.value()) +
                                           "; `imakeep log --check` tells what is damaged");
  }
  return stats;
}

Result<void> Archive::set_pending(const PendingRow& row) {
  return write([&] { return store_.set_pending(row); });
}

Result<void> Archive::clear_pending() {
  return write([&] { return store_.set_pending(std::nullopt); });
}

}  // namespace imakeep::archive
