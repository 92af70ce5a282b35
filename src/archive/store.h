// archive/store.h - the seam below the archive: rows, in transactions. What the rows mean is archive.h's affair.
//
// A row that was put is durable once commit() returned, and whole or absent whatever happens before. Reads outside a
// transaction see the last commit. Errors of every call:
//   kEnvironment  in use by another writer, no permission, read-only, disk full: mend that, then run again
//   kIo           the disk failed; reopen
//   kMalformed    the store is damaged where the call had to read; other rows may well be readable
// Threads: an object belongs to one thread at a time; several objects may read while one writes.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"

namespace imakeep::archive {

struct ChainRow {
  std::uint64_t chain = 0;
  std::string banks;             // names as digest::parse_banks() takes them
  std::string byte_order;        // "little" or "big": of the numbers within the records' data
  std::string start;             // "boot": known to begin at a TPM reset; "unknown"
  std::uint64_t first_kept = 0;  // records before this one were retired
  std::uint64_t end = 0;         // the number that the next record gets
  Bytes end_pcrs;                // pcr_bytes() after the last record
};

struct SegmentRow {
  std::uint64_t chain = 0;
  std::uint64_t first = 0;  // number of its first record
  std::uint64_t records = 0;
  std::uint64_t violations = 0;
  std::uint64_t payload_bytes = 0;  // uncompressed
  std::int64_t added_unix_s = 0;    // when its first record came in
  std::uint64_t stored_bytes = 0;   // of its data; told by the store
  Bytes start_pcrs;                 // pcr_bytes() before its first record

  std::uint64_t end() const { return first + records; }
};

// What is about to be deleted from a list, from before the request until after it.
struct PendingRow {
  std::uint64_t chain = 0;
  std::string method;  // "stage" or "count"
  std::uint64_t first = 0;
  std::uint64_t records = 0;
  std::int64_t since_unix_s = 0;
};

// A file that was imported: where its records lie, and how many of them are in already.
struct SourceRow {
  std::uint64_t source = 0;  // 1, 2, ... in the order they were begun
  std::uint64_t chain = 0;
  std::string name;
  Bytes sha256;
  std::uint64_t first = 0;
  std::uint64_t records = 0;
  std::uint64_t done = 0;  // of `records`, from the front
};

struct VerifierRow {
  std::string name;
  std::uint64_t chain = 0;
  std::uint64_t acknowledged = 0;  // records before this one are proven to it
};

// A violation whose segment was retired. `record` is one record of a segment's payload.
struct ViolationRow {
  std::uint64_t chain = 0;
  std::uint64_t number = 0;
  Bytes record;
};

// From where on the PCRs are known again after the records and the PCRs had parted.
struct AnchorRow {
  std::uint64_t chain = 0;
  std::uint64_t number = 0;     // the state after so many records is `pcrs`, whatever the records before lead to
  std::uint64_t broken_at = 0;  // records from this one to `number` are proven by nothing
  std::string why;              // a word: "headless", "gap", "extend", ...
  std::int64_t since_unix_s = 0;
  Bytes pcrs;              // pcr_bytes()
  Bytes before_pcrs = {};  // pcr_bytes() that the records before lead to; Archive::append() fills it in
};

// What the keeper knows of the list that a chain's records come from.
struct ListRow {
  std::uint64_t chain = 0;
  // The first record that the list holds, as far as is known; never more than the truth. The chain's end if the list
  // holds none of them, as when its kernel is gone.
  std::uint64_t head = 0;
  // Records behind the head that are archived and not in the list any more: "5-7,9-12" (first-end), or empty.
  std::string holes;
  std::uint64_t proven = 0;        // records before this one are proven by PCRs (but for anchors' broken ranges)
  std::int64_t proven_unix_s = 0;  // when that was last found out
  std::uint64_t trimmed = 0;       // records that imakeep deleted
  std::uint64_t trims = 0;
  std::int64_t trimmed_unix_s = 0;      // the last time
  std::uint64_t trimmed_by_others = 0;  // archived records that somebody else deleted
  std::uint64_t trims_by_others = 0;    // how often that was seen
  std::string boot_id;                  // of the kernel that was last seen with it; a hint
};

// Something that was not as it should be.
struct IncidentRow {
  std::uint64_t incident = 0;  // 1, 2, ... in the order they came
  std::uint64_t chain = 0;
  std::uint64_t first = 0;                              // the record from which on
  std::optional<std::uint64_t> records = std::nullopt;  // how many, if that is known
  std::string kind;                                     // a word: "gap", "altered", ...
  std::string what;                                     // a sentence
  std::int64_t since_unix_s = 0;
};

struct SegmentListing {
  std::vector<SegmentRow> segments;  // by number; those that could be read
  std::vector<Error> damage;         // why there may be more
};

class Store {
 public:
  virtual ~Store() = default;

  // One transaction at a time. Everything put or removed outside one is kUsage.
  virtual Result<void> begin() = 0;
  // One that only reads: all of it sees the archive as it is now. Ended like any other.
  virtual Result<void> begin_reading() = 0;
  virtual Result<void> commit() = 0;
  virtual void rollback() noexcept = 0;

  virtual Result<std::vector<ChainRow>> chains() = 0;
  virtual Result<void> put_chain(const ChainRow& row) = 0;

  // The segment that holds record `number`, or the first behind it.
  virtual Result<std::optional<SegmentRow>> segment_from(std::uint64_t chain, std::uint64_t number) = 0;
  // The last ones, newest first, at most `most`.
  virtual Result<std::vector<SegmentRow>> tail(std::uint64_t chain, std::size_t most) = 0;
  // All of them, from both ends as far as they can be read.
  virtual SegmentListing segments(std::uint64_t chain) = 0;
  virtual Result<std::vector<std::uint64_t>> chains_of_segments() = 0;
  virtual Result<Bytes> segment_data(std::uint64_t chain, std::uint64_t first) = 0;
  virtual Result<void> add_segment(const SegmentRow& row, ByteView data) = 0;
  virtual Result<void> remove_segment(std::uint64_t chain, std::uint64_t first) = 0;

  virtual Result<std::optional<PendingRow>> pending() = 0;
  virtual Result<void> set_pending(const std::optional<PendingRow>& row) = 0;

  virtual Result<std::vector<SourceRow>> sources() = 0;
  virtual Result<void> put_source(const SourceRow& row) = 0;

  virtual Result<std::vector<VerifierRow>> verifiers() = 0;
  virtual Result<void> put_verifier(const VerifierRow& row) = 0;

  virtual Result<std::vector<ViolationRow>> violations(std::uint64_t chain) = 0;
  virtual Result<void> put_violation(const ViolationRow& row) = 0;

  // By number.
  Result<std::vector<AnchorRow>> anchors(std::uint64_t chain) { return anchors_from(chain, 0); }
  // Those at record `number` and behind it.
  virtual Result<std::vector<AnchorRow>> anchors_from(std::uint64_t chain, std::uint64_t number) = 0;
  virtual Result<void> put_anchor(const AnchorRow& row) = 0;

  virtual Result<std::optional<ListRow>> list(std::uint64_t chain) = 0;
  virtual Result<void> put_list(const ListRow& row) = 0;

  // In the order they came.
  virtual Result<std::vector<IncidentRow>> incidents() = 0;
  // One whose number is 0 gets the next.
  virtual Result<void> put_incident(const IncidentRow& row) = 0;

  // What the store itself finds wrong with its file, a line each; empty if nothing.
  virtual std::vector<std::string> check_file() = 0;
  // Bytes it takes on disk.
  virtual std::uint64_t file_bytes() = 0;
};

// Rolls back unless committed.
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
