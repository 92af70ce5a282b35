// archive/archive.h - every record ever seen, once and in order: chains of records with absolute numbers, kept in
// segments, with the PCR state before each.
//
// A chain is the life of a PCR, from one TPM reset to the next; its records are numbered from 0. append() is durable
// when it returns. Small appends make small segments, which are gathered into whole ones later, within an append's own
// transaction; a reader notices nothing. The state before each segment lets replay start anywhere, and tells a damaged
// segment from a good one. Where records and PCRs parted (records are missing, an extend has no record) an anchor says
// from where on the state is known again; no segment reaches across one. Threads: an object belongs to one thread at a
// time; readers use a Store of their own.
#pragma once

#include <functional>
#include <limits>
#include <span>

#include "archive/segment.h"
#include "archive/store.h"

namespace imakeep::archive {

enum class ChainStart : std::uint8_t {
  kBoot,     // begins at a TPM reset: replay from zeros leads to the PCRs
  kUnknown,  // nothing tells what came before its first record
};

struct Chain {
  std::uint64_t chain = 0;          // 1, 2, ... in the order they were begun
  std::vector<digest::Bank> banks;  // whose PCR states are kept; digests are there in every bank
  ByteOrder order = kHostOrder;     // of the numbers within the records' data
  ChainStart start = ChainStart::kUnknown;
  std::uint64_t first_kept = 0;  // records before this one were retired
  std::uint64_t end = 0;         // how many records there ever were
  digest::PcrState end_pcrs;     // after the last; from zeros if the start is unknown
};

// A record as it comes in, with the digest that the list showed for it.
struct IncomingView {
  imalog::RecordContentView content;
  ByteView shown;
};

// An AnchorRow, understood.
struct Anchor {
  std::uint64_t number = 0;
  std::uint64_t broken_at = 0;
  std::string why;
  std::int64_t since_unix_s = 0;
  digest::PcrState pcrs;  // after `number` records
};

// The last anchor, or the first record that is kept.
struct ReplayStart {
  std::uint64_t number = 0;
  std::optional<digest::PcrState> pcrs = std::nullopt;  // before that record; empty: as a TPM reset leaves them
};

// What is put into the same transaction as records.
struct Beside {
  const SourceRow* source = nullptr;
  const ListRow* list = nullptr;        // of the chain; its numbers lie within what is archived then
  const PendingRow* pending = nullptr;  // sets the mark
  bool clear_pending = false;
  const AnchorRow* anchor = nullptr;               // of the chain, at its new end
  std::span<const IncidentRow> incidents = {};     // incident numbers are given out here
  std::optional<ChainStart> start = std::nullopt;  // what is now known of the chain's start
};

struct Appended {
  std::uint64_t records = 0;
  std::vector<std::uint64_t> mismatched;  // numbers of records whose digest does not fit their data
};

// What check() found wrong: `records` from `first` on in `chain`; no records where something else is damaged.
struct Finding {
  std::uint64_t chain = 0;
  std::uint64_t first = 0;
  std::uint64_t records = 0;
  std::string what;
};

struct Stats {
  std::uint64_t segments = 0;
  std::uint64_t violations = 0;  // in what is kept; and of retired segments, which stay
  std::uint64_t payload_bytes = 0;
};

// What may be forgotten: all that every limit allows.
struct Retention {
  std::uint64_t before = std::numeric_limits<std::uint64_t>::max();             // records before this one
  std::int64_t added_before_unix_s = std::numeric_limits<std::int64_t>::max();  // that came in before this moment
  std::uint64_t keep_bytes = 0;  // the newest segments that take at most so much together stay
  bool unacknowledged = false;   // also what verifiers have not acknowledged
};

struct Retired {
  std::uint64_t records = 0;
  std::uint64_t violations_kept = 0;
};

class Archive {
 public:
  // Keeps a reference.
  explicit Archive(Store& store) : store_(store) {}

  Store& store() { return store_; }

  Result<std::vector<Chain>> chains();
  // kUsage, naming those there are, if there is no such chain; kMalformed if its row is damaged.
  Result<Chain> chain(std::uint64_t chain);

  // The chain of that number, or the last if none is named; empty if the archive holds none to choose.
  Result<std::optional<Chain>> chain_or_last(std::optional<std::uint64_t> chain);

  // A new chain. Within a transaction of the caller's, or its own.
  Result<Chain> begin_chain(const std::vector<digest::Bank>& banks, ChainStart start, ByteOrder order = kHostOrder);

  // Adds records `first`, `first` + 1, ... of the chain, whose digests are those of `shown`, and `beside`; either may
  // be empty. With an anchor the chain goes on from the anchor's state; one that is put where one is already replaces
  // it, but for the records that it marked as broken. Errors, and nothing is put:
  //   kMismatch  `first` is not what comes next: a record is neither left out nor kept twice
  //   kUsage     no such chain, or something beside that is not of it: an anchor or a list of another chain, an anchor
  //              that is not at the new end or has other banks, numbers beyond the end, a mark both set and cleared
  Result<Appended> append(std::uint64_t chain, std::uint64_t first, std::span<const IncomingView> records,
                          const digest::Bank& shown, std::int64_t now_unix_s, const Beside& beside = {});

  // The state after `number` records, replayed from the segment that holds it; an anchor's at its number. kUsage beyond
  // the end or before what is kept; kMalformed if that segment is damaged.
  Result<digest::PcrState> state_at(const Chain& chain, std::uint64_t number);

  // Those up to the chain's end, by number, and those before what is kept too. kMalformed if one's row is damaged.
  Result<std::vector<Anchor>> anchors(const Chain& chain);

  // From where on the chain's records, one after the other, lead to its end. Errors: state_at()'s and anchors()'s.
  Result<ReplayStart> replay_start(const Chain& chain);

  // What the keeper knows of the list that the chain's records come from; empty for a chain that no keeper followed.
  Result<std::optional<ListRow>> list(std::uint64_t chain) { return store_.list(chain); }
  Result<std::vector<IncidentRow>> incidents() { return store_.incidents(); }

  // Replays everything. Each damaged segment is one finding; those around it are checked all the same.
  Result<std::vector<Finding>> check();

  Result<Stats> stats(std::uint64_t chain);

  // The mark that records are about to be deleted elsewhere; at most one.
  Result<std::optional<PendingRow>> pending() { return store_.pending(); }
  Result<void> set_pending(const PendingRow& row);
  Result<void> clear_pending();

  // A verifier's word that all records before `number` are proven to it; it may not go back. kUsage if it does, or
  // beyond the chain's end.
  Result<void> acknowledge(const std::string& verifier, std::uint64_t chain, std::uint64_t number);
  // What every verifier that ever acknowledged something in any chain has acknowledged here; nothing if there is none.
  Result<std::optional<std::uint64_t>> acknowledged(std::uint64_t chain);

  // Forgets whole segments, oldest first, as `retention` says, violations excepted. kRefused for what the list may
  // still hold, and for what some verifier has not acknowledged, or if there is none, unless that is allowed. The last
  // segment always stays, and so do anchors.
  Result<Retired> retire(std::uint64_t chain, const Retention& retention);

 private:
  Result<void> write(const std::function<Result<void>()>& change);

  Store& store_;
};

}  // namespace imakeep::archive
