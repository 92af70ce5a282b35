// SPDX-License-Identifier: Apache-2.0
// archive/sqlite/columns.h - the columns of each table of an archive file.
//
// Each table has one list of columns. Writing, reading and the row's checksum all use this list. So the checksum also
// covers a new column, once that is in the list, in the row in store.h and in the schema.
// Threads: no shared state.
#pragma once

#include "archive/sqlite/checksums.h"
#include "archive/store.h"

namespace imakeep::archive {

// The first schema version with the time of an acknowledgement.
inline constexpr int kVersionOfAcknowledgedTimes = 4;

// For each row type:
//   kName       the table's name
//   kKeys       the first kKeys columns are the row's key
//   columns()   calls visit(name, member, since) for each column in the table's order, except `checksum` and a
//               segment's `data`. Members are numbers, times, texts, bytes, and optional numbers. `since` is the first
//               schema version with the column; it is left out if the table's first version had the column. The member
//               keeps its default if the file is older
//   seal_of()   the chain whose seal covers the row (checksums.h), or kWholeTable
template <class Row>
struct Table;

template <>
struct Table<ChainRow> {
  static constexpr char kName[] = "chain";
  static constexpr int kKeys = 1;
  static ChainId seal_of(const ChainRow&) { return kWholeTable; }
  template <class Row, class Visit>
  static void columns(Row& row, Visit&& visit) {
    visit("chain", row.chain);
    visit("banks", row.banks);
    visit("byte_order", row.byte_order);
    visit("start", row.start);
    visit("first_kept", row.first_kept);
    visit("end", row.end);
    visit("end_pcrs", row.end_pcrs);
  }
};

// Segments need no seal: those of a chain follow each other from its `first_kept` to its `end`, so a missing or
// duplicated one is noticed.
template <>
struct Table<SegmentRow> {
  static constexpr char kName[] = "segment";
  static constexpr int kKeys = 2;
  template <class Row, class Visit>
  static void columns(Row& row, Visit&& visit) {
    visit("chain", row.chain);
    visit("first", row.first);
    visit("records", row.records);
    visit("violations", row.violations);
    visit("payload_bytes", row.payload_bytes);
    visit("added_unix_s", row.added_unix_s);
    visit("start_pcrs", row.start_pcrs);
    visit("data_checksum", row.data_checksum, kVersionOfChecksums);
  }
};

template <>
struct Table<PendingRow> {
  static constexpr char kName[] = "pending";
  static constexpr int kKeys = 1;
  static ChainId seal_of(const PendingRow&) { return kWholeTable; }
  template <class Row, class Visit>
  static void columns(Row& row, Visit&& visit) {
    std::uint64_t one = 1;
    visit("one", one);
    visit("chain", row.chain);
    visit("method", row.method);
    visit("first", row.first);
    visit("records", row.records);
    visit("since_unix_s", row.since_unix_s);
  }
};

template <>
struct Table<SourceRow> {
  static constexpr char kName[] = "source";
  static constexpr int kKeys = 1;
  static ChainId seal_of(const SourceRow&) { return kWholeTable; }
  template <class Row, class Visit>
  static void columns(Row& row, Visit&& visit) {
    visit("source", row.source);
    visit("chain", row.chain);
    visit("name", row.name);
    visit("sha256", row.sha256);
    visit("first", row.first);
    visit("records", row.records);
    visit("done", row.done);
  }
};

template <>
struct Table<VerifierRow> {
  static constexpr char kName[] = "verifier";
  static constexpr int kKeys = 2;
  static ChainId seal_of(const VerifierRow&) { return kWholeTable; }
  template <class Row, class Visit>
  static void columns(Row& row, Visit&& visit) {
    visit("name", row.name);
    visit("chain", row.chain);
    visit("acknowledged", row.acknowledged);
    visit("acknowledged_unix_s", row.acknowledged_unix_s, kVersionOfAcknowledgedTimes);
  }
};

template <>
struct Table<ViolationRow> {
  static constexpr char kName[] = "violation";
  static constexpr int kKeys = 2;
  static ChainId seal_of(const ViolationRow& row) { return row.chain; }
  template <class Row, class Visit>
  static void columns(Row& row, Visit&& visit) {
    visit("chain", row.chain);
    visit("number", row.number);
    visit("record", row.record);
  }
};

template <>
struct Table<AnchorRow> {
  static constexpr char kName[] = "anchor";
  static constexpr int kKeys = 2;
  static ChainId seal_of(const AnchorRow& row) { return row.chain; }
  template <class Row, class Visit>
  static void columns(Row& row, Visit&& visit) {
    visit("chain", row.chain);
    visit("number", row.number);
    visit("broken_at", row.broken_at);
    visit("why", row.why);
    visit("since_unix_s", row.since_unix_s);
    visit("pcrs", row.pcrs);
    visit("before_pcrs", row.before_pcrs);
  }
};

template <>
struct Table<ListRow> {
  static constexpr char kName[] = "list";
  static constexpr int kKeys = 1;
  static ChainId seal_of(const ListRow&) { return kWholeTable; }
  template <class Row, class Visit>
  static void columns(Row& row, Visit&& visit) {
    visit("chain", row.chain);
    visit("head", row.head);
    visit("holes", row.holes);
    visit("proven", row.proven);
    visit("proven_unix_s", row.proven_unix_s);
    visit("trimmed", row.trimmed);
    visit("trims", row.trims);
    visit("trimmed_unix_s", row.trimmed_unix_s);
    visit("trimmed_by_others", row.trimmed_by_others);
    visit("trims_by_others", row.trims_by_others);
    visit("boot_id", row.boot_id);
  }
};

template <>
struct Table<OriginRow> {
  static constexpr char kName[] = "origin";
  static constexpr int kKeys = 1;
  static ChainId seal_of(const OriginRow&) { return kWholeTable; }
  template <class Row, class Visit>
  static void columns(Row& row, Visit&& visit) {
    visit("chain", row.chain);
    visit("origin", row.origin);
    visit("tpm_resets", row.tpm_resets);
    visit("tpm_restarts", row.tpm_restarts);
  }
};

template <>
struct Table<IncidentRow> {
  static constexpr char kName[] = "incident";
  static constexpr int kKeys = 1;
  static ChainId seal_of(const IncidentRow&) { return kWholeTable; }
  template <class Row, class Visit>
  static void columns(Row& row, Visit&& visit) {
    visit("incident", row.incident);
    visit("chain", row.chain);
    visit("first", row.first);
    visit("records", row.records);
    visit("kind", row.kind);
    visit("what", row.what);
    visit("since_unix_s", row.since_unix_s);
  }
};

template <>
struct Table<QuoteRow> {
  static constexpr char kName[] = "quote";
  static constexpr int kKeys = 2;
  static ChainId seal_of(const QuoteRow& row) { return row.chain; }
  template <class Row, class Visit>
  static void columns(Row& row, Visit&& visit) {
    visit("chain", row.chain);
    visit("quote", row.quote);
    visit("records", row.records);
    visit("added_unix_s", row.added_unix_s);
    visit("statement", row.statement);
    visit("signature", row.signature);
    visit("ak_public", row.ak_public);
    visit("pcrs", row.pcrs);
    visit("boot_id", row.boot_id);
  }
};

}  // namespace imakeep::archive
