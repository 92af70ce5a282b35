// SPDX-License-Identifier: Apache-2.0
// archive/memory/memory_store.h - the rows of an archive in memory, for tests and for callers without a file.
// Threads: as archive::Store.
#pragma once

#include <map>

#include "archive/store.h"

namespace imakeep::archive {

class MemoryStore : public Store {
 public:
  Result<void> begin() override;
  Result<void> begin_reading() override;
  Result<void> commit() override;
  void rollback() noexcept override;
  Result<void> secure() override { return {}; }

  ChainListing chain_listing() override;
  Result<void> put_chain(const ChainRow& row) override;
  Result<std::optional<SegmentRow>> segment_from(ChainId chain, std::uint64_t number) override;
  Result<std::vector<SegmentRow>> tail(ChainId chain, std::size_t most) override;
  SegmentListing segments(ChainId chain) override;
  Result<std::vector<ChainId>> chains_of_segments() override;
  Result<Bytes> segment_data(ChainId chain, std::uint64_t first) override;
  Result<void> add_segment(const SegmentRow& row, ByteView data) override;
  Result<void> remove_segment(ChainId chain, std::uint64_t first) override;
  Result<std::optional<PendingRow>> pending() override;
  Result<void> set_pending(const std::optional<PendingRow>& row) override;
  Result<std::vector<SourceRow>> sources() override;
  Result<void> put_source(const SourceRow& row) override;
  Result<std::vector<VerifierRow>> verifiers() override;
  Result<void> put_verifier(const VerifierRow& row) override;
  Result<void> remove_verifier(const std::string& name) override;
  Result<std::vector<ViolationRow>> violations(ChainId chain) override;
  Result<void> put_violation(const ViolationRow& row) override;
  Result<std::vector<AnchorRow>> anchors_from(ChainId chain, std::uint64_t number) override;
  Result<void> put_anchor(const AnchorRow& row) override;
  Result<std::optional<ListRow>> list(ChainId chain) override;
  Result<void> put_list(const ListRow& row) override;
  Result<std::optional<OriginRow>> origin(ChainId chain) override;
  Result<void> put_origin(const OriginRow& row) override;
  Result<std::vector<IncidentRow>> incidents() override;
  Result<void> put_incident(const IncidentRow& row) override;
  Result<std::vector<QuoteRow>> quotes(ChainId chain) override;
  Result<void> put_quote(const QuoteRow& row) override;
  Result<void> remove_quote(ChainId chain, std::uint64_t quote) override;
  std::vector<std::string> check_file() override { return {}; }
  std::uint64_t file_bytes() override;

 private:
  using Key = std::pair<ChainId, std::uint64_t>;  // a chain and the number of a record
  struct Segment {
    SegmentRow row;
    Bytes data;
  };
  struct Rows {
    std::map<ChainId, ChainRow> chains;
    std::map<Key, Segment> segments;
    std::optional<PendingRow> pending;
    std::map<std::uint64_t, SourceRow> sources;
    std::map<std::pair<std::string, ChainId>, VerifierRow> verifiers;
    std::map<Key, ViolationRow> violations;
    std::map<Key, AnchorRow> anchors;
    std::map<ChainId, ListRow> lists;
    std::map<ChainId, OriginRow> origins;
    std::map<std::uint64_t, IncidentRow> incidents;
    std::map<Key, QuoteRow> quotes;  // the number is that of the quote
  };
  Result<void> require_transaction() const;

  Rows rows_;
  std::optional<Rows> before_;  // the rows before the transaction; rollback() restores them
  bool reading_ = false;        // within begin_reading()
};

}  // namespace imakeep::archive
