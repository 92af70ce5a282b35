// SPDX-License-Identifier: Apache-2.0
// archive/store.h - the seam below the archive: rows, in transactions. archive.h defines what the rows mean.
//
// All rows of a transaction are durable when commit() returns. If the process or the host ends before that, each row is
// either whole or absent. Reads outside a transaction see the last commit. Errors of every call:
//   kEnvironment  in use by another writer, no permission, read-only, disk full: mend that, then run again
//   kIo           the disk failed; reopen
//   kMalformed    the store is damaged where the call had to read: a row is altered or missing. Other rows may be
//                 readable. No call returns an altered row, and none answers as if a missing row had never existed
// Threads: an object belongs to one thread at a time; several objects may read while one writes.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "archive/chain_id.h"
#include "base/bytes.h"
#include "base/result.h"

namespace imakeep::archive {

struct ChainRow {
  ChainId chain = {};
  std::string banks;             // names for digest::parse_banks()
  std::string byte_order;        // "little" or "big": of the integers within the records' data
  std::string start;             // "boot": known to begin at a TPM reset; "unknown"
  std::uint64_t first_kept = 0;  // records before this one were retired
  std::uint64_t end = 0;         // the number that the next record gets
  Bytes end_pcrs;                // pcr_bytes() after the last record
};

struct SegmentRow {
  ChainId chain = {};
  std::uint64_t first = 0;  // number of its first record
  std::uint64_t records = 0;
  std::uint64_t violations = 0;
  std::uint64_t payload_bytes = 0;  // uncompressed
  std::int64_t added_unix_s = 0;    // when its first record was added
  std::uint64_t stored_bytes = 0;   // size of its data; set by the store
  std::int64_t data_checksum = 0;   // of its data; set by the store, 0 if the store keeps none
  Bytes start_pcrs;                 // pcr_bytes() before its first record

  std::uint64_t end() const { return first + records; }
};

// The pending trim: records that are about to be deleted from a list. The row exists from before the request to the
// kernel until after it.
struct PendingRow {
  ChainId chain = {};
  std::string method;  // "stage" or "count"
  std::uint64_t first = 0;
  std::uint64_t records = 0;
  std::int64_t since_unix_s = 0;
};

// An imported file: the numbers of its records in the chain, and how many of them are already in the archive.
struct SourceRow {
  std::uint64_t source = 0;  // 1, 2, ... in the order in which their imports were begun
  ChainId chain = {};
  std::string name;
  Bytes sha256;
  std::uint64_t first = 0;
  std::uint64_t records = 0;
  std::uint64_t done = 0;  // the archive has this many of `records`, counted from the first
};

struct VerifierRow {
  std::string name;
  ChainId chain = {};
  std::uint64_t acknowledged = 0;        // records before this one are proven to it
  std::int64_t acknowledged_unix_s = 0;  // when it last said so; 0 in a row of an older imakeep
};

// A violation whose segment was retired. `record` has the format of one record in a segment's payload.
struct ViolationRow {
  ChainId chain = {};
  std::uint64_t number = 0;
  Bytes record;
};

// The origin of a chain's records, and the TPM's counters when the list was last seen. A chain of an older imakeep has
// no such row.
struct OriginRow {
  ChainId chain = {};
  std::string origin;  // "list": the list of the host that keeps the archive; "import": saved lists
  std::optional<std::uint64_t> tpm_resets = std::nullopt;    // TPMS_CLOCK_INFO.resetCount when the list was last seen
  std::optional<std::uint64_t> tpm_restarts = std::nullopt;  // restartCount at the same time as resetCount
};

// The record from which on the PCR state is known again, after records and PCRs disagreed.
struct AnchorRow {
  ChainId chain = {};
  std::uint64_t number = 0;     // the state before this record is `pcrs`, whatever replay of the earlier records gives
  std::uint64_t broken_at = 0;  // nothing proves the records from this one up to but not including `number`
  std::string why;              // a diagnosis: "headless", "gap", "unexplained-extend", ...
  std::int64_t since_unix_s = 0;
  Bytes pcrs;              // pcr_bytes()
  Bytes before_pcrs = {};  // pcr_bytes() after a replay of the records before; Archive::append() sets it
};

// The keeper's state of the list that a chain's records come from.
struct ListRow {
  ChainId chain = {};
  // The first record that the list holds, or an earlier one if the keeper does not know it exactly. It is the chain's
  // end if the list holds no record of the chain, for example because its kernel no longer runs.
  std::uint64_t head = 0;
  // Archived records after the head that are no longer in the list: "5-7,9-12" (first-end), or empty.
  std::string holes;
  std::uint64_t proven = 0;        // the PCRs prove the records before this one, except in the anchors' broken ranges
  std::int64_t proven_unix_s = 0;  // when the keeper last proved records
  std::uint64_t trimmed = 0;       // records that imakeep deleted
  std::uint64_t trims = 0;
  std::int64_t trimmed_unix_s = 0;      // time of the last trim by imakeep
  std::uint64_t trimmed_by_others = 0;  // archived records that others deleted
  std::uint64_t trims_by_others = 0;    // how often the keeper found such a deletion
  std::string boot_id;                  // of the kernel that the keeper last saw with the list; a hint
};

// An irregularity of a chain or its list.
struct IncidentRow {
  std::uint64_t incident = 0;  // 1, 2, ... in the order in which they were added
  ChainId chain = {};
  std::uint64_t first = 0;                              // the first record affected
  std::optional<std::uint64_t> records = std::nullopt;  // count of records affected, if known
  std::string kind;                                     // a diagnosis: "gap", "altered-record", ...
  std::string what;                                     // a sentence
  std::int64_t since_unix_s = 0;
};

// A quote that a verifier accepted, kept as evidence. Nothing in the archive depends on it.
struct QuoteRow {
  ChainId chain = {};
  std::uint64_t quote = 0;        // 1, 2, ... in the order in which the chain's quotes were added
  std::uint64_t records = 0;      // the records before this one are proven, as the verifier said
  std::int64_t added_unix_s = 0;  // when the keeper was told
  Bytes statement;                // TPMS_ATTEST
  Bytes signature;                // TPMT_SIGNATURE
  Bytes ak_public;                // of the key that signed: TPM2B_PUBLIC
  Bytes pcrs;                     // value_bytes() of quoted PCRs that no record named
  std::string boot_id;            // ListRow::boot_id when the quote was added
};

struct ChainListing {
  std::vector<ChainRow> chains;  // by number; those that could be read
  std::vector<Error> damage;     // read errors; after any, the store may hold further chains
};

struct SegmentListing {
  std::vector<SegmentRow> segments;  // by number; those that could be read
  std::vector<Error> damage;         // read errors; after any, the store may hold further segments
};

class Store {
 public:
  virtual ~Store() = default;

  // Begins a transaction; a store has one at a time. A call that puts or removes a row fails outside of one.
  virtual Result<void> begin() = 0;
  // Begins a transaction that only reads: all its reads see the archive as it is now. commit() or rollback() ends it.
  virtual Result<void> begin_reading() = 0;
  virtual Result<void> commit() = 0;
  virtual void rollback() noexcept = 0;
  // Writes everything committed into the archive file itself, and syncs the file. The keeper calls this before it
  // deletes records from the list, so that these records outlive the loss of the files next to the archive (such as a
  // write-ahead log). If the store cannot write the archive file now, those files still hold the records, synced; then
  // the call fails only if the archive or one of those files was removed or replaced. REQUIRES: no transaction is open.
  virtual Result<void> secure() = 0;

  virtual ChainListing chain_listing() = 0;
  // All chains, or an error if one cannot be read.
  Result<std::vector<ChainRow>> chains() {
    ChainListing listing = chain_listing();
    if (!listing.damage.empty()) return unexpected(listing.damage.front());
    return std::move(listing.chains);
  }
  virtual Result<void> put_chain(const ChainRow& row) = 0;

  // The segment that holds record `number`, or else the first segment after that record.
  virtual Result<std::optional<SegmentRow>> segment_from(ChainId chain, std::uint64_t number) = 0;
  // The last segments, newest first, at most `most`.
  virtual Result<std::vector<SegmentRow>> tail(ChainId chain, std::size_t most) = 0;
  // All segments. If the store is damaged: those that can be read from either end.
  virtual SegmentListing segments(ChainId chain) = 0;
  virtual Result<std::vector<ChainId>> chains_of_segments() = 0;
  virtual Result<Bytes> segment_data(ChainId chain, std::uint64_t first) = 0;
  virtual Result<void> add_segment(const SegmentRow& row, ByteView data) = 0;
  virtual Result<void> remove_segment(ChainId chain, std::uint64_t first) = 0;

  virtual Result<std::optional<PendingRow>> pending() = 0;
  virtual Result<void> set_pending(const std::optional<PendingRow>& row) = 0;

  virtual Result<std::vector<SourceRow>> sources() = 0;
  virtual Result<void> put_source(const SourceRow& row) = 0;

  virtual Result<std::vector<VerifierRow>> verifiers() = 0;
  virtual Result<void> put_verifier(const VerifierRow& row) = 0;
  // Removes the verifier's rows of all chains. Does nothing if it has none.
  virtual Result<void> remove_verifier(const std::string& name) = 0;

  virtual Result<std::vector<ViolationRow>> violations(ChainId chain) = 0;
  virtual Result<void> put_violation(const ViolationRow& row) = 0;

  // In ascending order.
  Result<std::vector<AnchorRow>> anchors(ChainId chain) { return anchors_from(chain, 0); }
  // The anchors at or after record `number`.
  virtual Result<std::vector<AnchorRow>> anchors_from(ChainId chain, std::uint64_t number) = 0;
  virtual Result<void> put_anchor(const AnchorRow& row) = 0;

  virtual Result<std::optional<ListRow>> list(ChainId chain) = 0;
  virtual Result<void> put_list(const ListRow& row) = 0;

  virtual Result<std::optional<OriginRow>> origin(ChainId chain) = 0;
  virtual Result<void> put_origin(const OriginRow& row) = 0;

  // In the order of their numbers.
  virtual Result<std::vector<IncidentRow>> incidents() = 0;
  // An incident whose number is 0 gets the next number.
  virtual Result<void> put_incident(const IncidentRow& row) = 0;

  // The chain's quotes in the order of their numbers.
  virtual Result<std::vector<QuoteRow>> quotes(ChainId chain) = 0;
  // A quote whose number is 0 gets the next number of its chain.
  virtual Result<void> put_quote(const QuoteRow& row) = 0;
  // Does nothing if there is no such quote.
  virtual Result<void> remove_quote(ChainId chain, std::uint64_t quote) = 0;

  // The problems that the store itself finds in its file, one line each; empty if it finds none.
  virtual std::vector<std::string> check_file() = 0;
  // The size of the store on disk.
  virtual std::uint64_t file_bytes() = 0;
};

// Rolls back the transaction that it has begun, unless commit() succeeded.
class Transaction {
 public:
  explicit Transaction(Store& store) : store_(store) {}
  ~Transaction() {
    if (open_) store_.rollback();
  }
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;

  Result<void> begin() { return opened(store_.begin()); }
  Result<void> begin_reading() { return opened(store_.begin_reading()); }
  Result<void> commit() {
    auto committed = store_.commit();
    if (committed) open_ = false;
    return committed;
  }

 private:
  Result<void> opened(Result<void> begun) {
    open_ = begun.has_value();
    return begun;
  }

  Store& store_;
  bool open_ = false;
};

}  // namespace imakeep::archive
