// SPDX-License-Identifier: Apache-2.0
#include "archive/memory/memory_store.h"

#include <utility>

namespace imakeep::archive {
namespace {

template <class Map>
auto values_of(const Map& map) {
  std::vector<typename Map::mapped_type> values;
  values.reserve(map.size());
  for (const auto& [key, value] : map) values.push_back(value);
  return values;
}

}  // namespace

Result<void> MemoryStore::require_transaction() const {
  if (before_) return {};
  return fail(ErrorCode::kUsage, "the archive can be changed only within a transaction");
}

Result<void> MemoryStore::begin() {
  if (before_ || reading_) return fail(ErrorCode::kUsage, "a transaction is under way already");
  before_ = rows_;
  return {};
}

Result<void> MemoryStore::begin_reading() {
  if (before_ || reading_) return fail(ErrorCode::kUsage, "a transaction is under way already");
  reading_ = true;
  return {};
}

Result<void> MemoryStore::commit() {
  if (std::exchange(reading_, false)) return {};
  IMAKEEP_CHECK(require_transaction());
  before_.reset();
  return {};
}

void MemoryStore::rollback() noexcept {
  reading_ = false;
  if (!before_) return;
  rows_ = std::move(*before_);
  before_.reset();
}

ChainListing MemoryStore::chain_listing() {
  return {.chains = values_of(rows_.chains), .damage = {}};
}

Result<void> MemoryStore::put_chain(const ChainRow& row) {
  IMAKEEP_CHECK(require_transaction());
  rows_.chains[row.chain] = row;
  return {};
}

Result<std::optional<SegmentRow>> MemoryStore::segment_from(ChainId chain, std::uint64_t number) {
  for (const auto& [key, segment] : rows_.segments) {
    if (key.first == chain && segment.row.end() > number) return segment.row;
  }
  return std::nullopt;
}

Result<std::vector<SegmentRow>> MemoryStore::tail(ChainId chain, std::size_t most) {
  std::vector<SegmentRow> last;
  for (auto it = rows_.segments.rbegin(); it != rows_.segments.rend() && last.size() < most; ++it) {
    if (it->first.first == chain) last.push_back(it->second.row);
  }
  return last;
}

SegmentListing MemoryStore::segments(ChainId chain) {
  SegmentListing listing;
  for (const auto& [key, segment] : rows_.segments) {
    if (key.first == chain) listing.segments.push_back(segment.row);
  }
  return listing;
}

Result<std::vector<ChainId>> MemoryStore::chains_of_segments() {
  std::vector<ChainId> chains;
  for (const auto& [key, segment] : rows_.segments) {
    if (chains.empty() || chains.back() != key.first) chains.push_back(key.first);
  }
  return chains;
}

Result<Bytes> MemoryStore::segment_data(ChainId chain, std::uint64_t first) {
  const auto found = rows_.segments.find({chain, first});
  if (found == rows_.segments.end()) return fail(ErrorCode::kUsage, "no segment begins there");
  return found->second.data;
}

Result<void> MemoryStore::add_segment(const SegmentRow& row, ByteView data) {
  IMAKEEP_CHECK(require_transaction());
  Segment segment{row, Bytes(data.begin(), data.end())};
  segment.row.stored_bytes = data.size();
  const bool added = rows_.segments.try_emplace({row.chain, row.first}, std::move(segment)).second;
  if (!added) return fail(ErrorCode::kUsage, "a segment begins there already");
  return {};
}

Result<void> MemoryStore::remove_segment(ChainId chain, std::uint64_t first) {
  IMAKEEP_CHECK(require_transaction());
  if (rows_.segments.erase({chain, first}) == 0) return fail(ErrorCode::kUsage, "no segment begins there");
  return {};
}

Result<std::optional<PendingRow>> MemoryStore::pending() {
  return rows_.pending;
}

Result<void> MemoryStore::set_pending(const std::optional<PendingRow>& row) {
  IMAKEEP_CHECK(require_transaction());
  rows_.pending = row;
  return {};
}

Result<std::vector<SourceRow>> MemoryStore::sources() {
  return values_of(rows_.sources);
}

Result<void> MemoryStore::put_source(const SourceRow& row) {
  IMAKEEP_CHECK(require_transaction());
  rows_.sources[row.source] = row;
  return {};
}

Result<std::vector<VerifierRow>> MemoryStore::verifiers() {
  return values_of(rows_.verifiers);
}

Result<void> MemoryStore::put_verifier(const VerifierRow& row) {
  IMAKEEP_CHECK(require_transaction());
  rows_.verifiers[{row.name, row.chain}] = row;
  return {};
}

Result<void> MemoryStore::remove_verifier(const std::string& name) {
  IMAKEEP_CHECK(require_transaction());
  std::erase_if(rows_.verifiers, [&](const auto& entry) { return entry.first.first == name; });
  return {};
}

Result<std::vector<ViolationRow>> MemoryStore::violations(ChainId chain) {
  std::vector<ViolationRow> found;
  for (const auto& [key, row] : rows_.violations) {
    if (key.first == chain) found.push_back(row);
  }
  return found;
}

Result<void> MemoryStore::put_violation(const ViolationRow& row) {
  IMAKEEP_CHECK(require_transaction());
  rows_.violations[{row.chain, row.number}] = row;
  return {};
}

Result<std::vector<AnchorRow>> MemoryStore::anchors_from(ChainId chain, std::uint64_t number) {
  std::vector<AnchorRow> found;
  for (auto it = rows_.anchors.lower_bound({chain, number}); it != rows_.anchors.end() && it->first.first == chain;
       ++it) {
    found.push_back(it->second);
  }
  return found;
}

Result<void> MemoryStore::put_anchor(const AnchorRow& row) {
  IMAKEEP_CHECK(require_transaction());
  rows_.anchors[{row.chain, row.number}] = row;
  return {};
}

Result<std::optional<ListRow>> MemoryStore::list(ChainId chain) {
  const auto found = rows_.lists.find(chain);
  if (found == rows_.lists.end()) return std::nullopt;
  return found->second;
}

Result<void> MemoryStore::put_list(const ListRow& row) {
  IMAKEEP_CHECK(require_transaction());
  rows_.lists[row.chain] = row;
  return {};
}

Result<std::optional<OriginRow>> MemoryStore::origin(ChainId chain) {
  const auto found = rows_.origins.find(chain);
  if (found == rows_.origins.end()) return std::nullopt;
  return found->second;
}

Result<void> MemoryStore::put_origin(const OriginRow& row) {
  IMAKEEP_CHECK(require_transaction());
  rows_.origins[row.chain] = row;
  return {};
}

Result<std::vector<IncidentRow>> MemoryStore::incidents() {
  return values_of(rows_.incidents);
}

Result<void> MemoryStore::put_incident(const IncidentRow& row) {
  IMAKEEP_CHECK(require_transaction());
  const std::uint64_t next = rows_.incidents.empty() ? 1 : rows_.incidents.rbegin()->first + 1;
  IncidentRow numbered = row;
  if (numbered.incident == 0) numbered.incident = next;
  rows_.incidents[numbered.incident] = std::move(numbered);
  return {};
}

Result<std::vector<QuoteRow>> MemoryStore::quotes(ChainId chain) {
  std::vector<QuoteRow> found;
  for (const auto& [key, row] : rows_.quotes) {
    if (key.first == chain) found.push_back(row);
  }
  return found;
}

Result<void> MemoryStore::put_quote(const QuoteRow& row) {
  IMAKEEP_CHECK(require_transaction());
  QuoteRow numbered = row;
  if (numbered.quote == 0) {
    IMAKEEP_TRY(const auto& of_chain, quotes(row.chain));
    numbered.quote = of_chain.empty() ? 1 : of_chain.back().quote + 1;
  }
  rows_.quotes[{row.chain, numbered.quote}] = std::move(numbered);
  return {};
}

Result<void> MemoryStore::remove_quote(ChainId chain, std::uint64_t quote) {
  IMAKEEP_CHECK(require_transaction());
  rows_.quotes.erase({chain, quote});
  return {};
}

std::uint64_t MemoryStore::file_bytes() {
  std::uint64_t bytes = 0;
  for (const auto& [key, segment] : rows_.segments) bytes += segment.data.size();
  return bytes;
}

}  // namespace imakeep::archive
