// SPDX-License-Identifier: Apache-2.0
// archive/archive.h - stores every record ever seen, exactly once and in order: chains of records with absolute
// numbers, in segments, with the PCR state before each segment.
//
// A chain is the life of a PCR, from one TPM reset to the next; its records are numbered from 0. The records are
// durable when append() returns. Small appends make small segments. A later append merges these into whole segments,
// within its own transaction, so that a reader notices nothing. With the state before each segment, a replay can start
// anywhere, and check() can tell a damaged segment from a good one. If records and PCRs disagree (records are missing,
// or an extend has no record), an anchor states the record from which on the PCR state is known again. No segment
// contains records from both sides of an anchor. Threads: an object belongs to one thread at a time; each reader uses a
// Store of its own.
#pragma once

#include <functional>
#include <limits>
#include <span>

#include "archive/segment.h"
#include "archive/store.h"
#include "imalog/replay.h"

namespace imakeep::archive {

enum class ChainStart : std::uint8_t {
  kBoot,     // begins with its kernel's first record: replay from the chain's start matches the PCRs
  kUnknown,  // it is not known which records came before the first one
};

struct Chain {
  ChainId chain = {};               // 1, 2, ... in the order in which the chains were begun
  std::vector<digest::Bank> banks;  // the archive keeps their PCR states; digests can be computed in every bank
  ByteOrder order = kHostOrder;     // of the integers within the records' data
  ChainStart start = ChainStart::kUnknown;
  std::uint64_t first_kept = 0;  // records before this one were retired
  std::uint64_t end = 0;         // count of all records, retired ones included
  digest::PcrState end_pcrs;     // after the last record: replayed from the last anchor, or from the chain's start
};

// A record to append, with the digest that the list showed for it.
struct IncomingView {
  imalog::RecordContentView content;
  ByteView shown;
};

// An AnchorRow, decoded.
struct Anchor {
  std::uint64_t number = 0;
  std::uint64_t broken_at = 0;
  std::string why;
  std::int64_t since_unix_s = 0;
  digest::PcrState pcrs;         // before record `number`
  digest::PcrState before_pcrs;  // a replay of the records before the anchor gives these
};

// The last anchor, or the first record that the archive still holds.
struct ReplayStart {
  std::uint64_t number = 0;
  std::optional<digest::PcrState> pcrs = std::nullopt;  // before that record; empty: all zero
};

// Rows that append() writes in the same transaction as the records.
struct AppendOptions {
  const SourceRow* source = nullptr;
  const OriginRow* origin = nullptr;    // of the chain
  const ListRow* list = nullptr;        // of the chain; its record numbers are at most the chain's new end
  const PendingRow* pending = nullptr;  // the pending trim to set
  bool clear_pending = false;
  const AnchorRow* anchor = nullptr;               // of the chain, at its new end
  std::span<const IncidentRow> incidents = {};     // append() assigns their incident numbers
  std::optional<ChainStart> start = std::nullopt;  // the chain's start, if more is known of it now
};

struct Appended {
  std::uint64_t records = 0;
  std::vector<std::uint64_t> mismatched;  // numbers of records whose digest does not match their data
};

// One problem that check() found: `records` records of `chain`, from `first` on. `records` is 0 if something other than
// records is damaged.
struct Finding {
  ChainId chain = {};
  std::uint64_t first = 0;
  std::uint64_t records = 0;
  std::string what;
};

struct Stats {
  std::uint64_t segments = 0;
  std::uint64_t violations = 0;  // in the segments, and those that were kept of retired segments
  std::uint64_t payload_bytes = 0;
};

// A quote that proved records to a verifier. The archive does not check the signature, and trusts the quote in nothing.
struct AcceptedQuote {
  Bytes statement;                          // TPMS_ATTEST
  Bytes signature;                          // TPMT_SIGNATURE
  Bytes ak_public;                          // of the key that signed: TPM2B_PUBLIC
  std::vector<imalog::PcrValue> pcrs = {};  // of quoted PCRs that no record names; banks are bank_of()
};
// Of a statement, of a signature and of a public key. The largest that a TPM makes is less than half of it.
inline constexpr std::size_t kMaxQuotePartBytes = 4096;

// A quote as the archive keeps it.
struct KeptQuote {
  std::uint64_t quote = 0;        // its number in the chain: 1, 2, ...
  std::uint64_t records = 0;      // the records before this one are proven, as the verifier said
  std::int64_t added_unix_s = 0;  // when the keeper was told
  AcceptedQuote accepted;
};

inline constexpr std::size_t kMaxVerifierNameBytes = 64;
inline constexpr std::size_t kMaxVerifiers = 64;

// A registered verifier, and what it has acknowledged of one chain.
struct Verifier {
  std::string name;
  std::uint64_t acknowledged = 0;        // the records before this one are proven to it; 0 if it said nothing of them
  std::int64_t acknowledged_unix_s = 0;  // when it last said so; 0: never, or to an older imakeep
};

// The limits of retire(): it retires only what every limit allows.
struct Retention {
  std::uint64_t before = std::numeric_limits<std::uint64_t>::max();             // records before this one
  std::int64_t added_before_unix_s = std::numeric_limits<std::int64_t>::max();  // records added before this time
  std::uint64_t keep_bytes = 0;  // keep the newest segments that together take at most this much in the archive
  bool unacknowledged = false;   // retire also records that verifiers have not acknowledged
  bool dry_run = false;          // only report what would be retired; the store may be open for reading
};

struct Retired {
  std::uint64_t records = 0;
  std::uint64_t violations_kept = 0;
  std::uint64_t first = 0;         // number of the first retired record
  std::uint64_t stored_bytes = 0;  // size of their segments in the archive
  std::int64_t oldest_unix_s = 0;  // when the first was added; 0 if none was retired
  std::int64_t newest_unix_s = 0;  // the last was added at this time or before
};

class Archive {
 public:
  // Keeps a reference to `store`.
  explicit Archive(Store& store) : store_(store) {}

  Store& store() { return store_; }

  Result<std::vector<Chain>> chains();
  // kUsage if the archive has no such chain; the message names the chains that it has. kMalformed if the chain's row is
  // damaged, or if the chain is not found and some chain's row is damaged.
  Result<Chain> chain(ChainId chain);

  // The chain of that number, or the last chain if no number is given. Empty if no number is given and the archive
  // holds no chain.
  Result<std::optional<Chain>> chain_or_last(std::optional<ChainId> chain);

  // The last chain whose records come from the list of this host, not from saved lists; empty if the archive has none.
  Result<std::optional<Chain>> host_chain();
  // Whether a keeper took the chain's records from the list of the host that it ran on.
  Result<bool> is_kept(ChainId chain);
  // Whether the chain's records come from saved lists.
  Result<bool> is_imported(ChainId chain);

  // Begins a chain, in a transaction of its own. Assigns the chain's number, also in `origin`, and writes `origin`
  // unless OriginRow::origin is empty. `pcrs` is the state before the first record; its banks become the chain's.
  Result<Chain> begin_chain(const digest::PcrState& pcrs, ChainStart start, ByteOrder order = kHostOrder,
                            OriginRow origin = {});
  // The same with PCRs of zero, as a TPM reset leaves those that IMA may use.
  Result<Chain> begin_chain(const std::vector<digest::Bank>& banks, ChainStart start, ByteOrder order = kHostOrder,
                            OriginRow origin = {}) {
    return begin_chain(digest::PcrState(banks), start, order, std::move(origin));
  }

  // States anew how the chain's kernel extends its banks; `banks` differ from the chain's in their fills alone. kUsage
  // if they differ in more, or if the chain holds a violation, which was then archived by the fills so far.
  Result<void> set_fills(ChainId chain, const std::vector<digest::Bank>& banks);

  // Adds records `first`, `first` + 1, ... to the chain, together with the rows of `options`. Either may be empty.
  // `shown` is the bank of the records' digests. After an anchor, the chain continues from the anchor's state. If the
  // chain already has an anchor at its new end, the new one replaces it; records that the old one calls broken stay
  // broken. After an error nothing is written. Errors:
  //   kMismatch  `first` is not the chain's end: so no record is left out, and none is stored twice
  //   kUsage     no such chain; an anchor, a list or an origin of another chain; an anchor that is not at the new end,
  //              has other banks or is broken from beyond its number; numbers of the list beyond the new end; a pending
  //              trim both set and cleared
  Result<Appended> append(ChainId chain, std::uint64_t first, std::span<const IncomingView> records,
                          const digest::Bank& shown, std::int64_t now_unix_s, const AppendOptions& options = {});

  // The PCR state before record `number`, replayed from the start of the segment that holds it. At an anchor's number,
  // the anchor's state. kUsage if `number` is beyond the end or before the first record that is kept; kMalformed if the
  // segment is damaged.
  Result<digest::PcrState> state_at(const Chain& chain, std::uint64_t number);

  // The chain's anchors up to `chain`.end in ascending order, also those before the first record that is kept.
  // kMalformed if the row of one is damaged.
  Result<std::vector<Anchor>> anchors(const Chain& chain);

  // Where a replay has to start so that it ends with the chain's end state. Errors: those of state_at() and anchors().
  Result<ReplayStart> replay_start(const Chain& chain);

  // The keeper's state of the list that the chain's records come from; empty for a chain that no keeper followed.
  Result<std::optional<ListRow>> list(ChainId chain) { return store_.list(chain); }
  Result<std::vector<IncidentRow>> incidents() { return store_.incidents(); }

  // Replays all records of all chains. Each damaged segment is one finding, and the check goes on with the others.
  Result<std::vector<Finding>> check();

  Result<Stats> stats(ChainId chain);

  // The pending trim: records that are about to be deleted from the kernel's list. The archive holds at most one.
  Result<std::optional<PendingRow>> pending() { return store_.pending(); }
  Result<void> set_pending(const PendingRow& row);
  Result<void> clear_pending();

  // Stores that all records before `number` are proven to `verifier`. Registers a verifier that is not known yet, also
  // if `number` is 0. Returns whether it was not known. kUsage, and nothing is stored, if
  // - the name is not 1 to kMaxVerifierNameBytes printable ASCII characters without spaces, or
  // - the archive has no such chain, or `number` is beyond the chain's end, or
  // - `number` is less than the number that this verifier acknowledged before, or
  // - kMaxVerifiers others are registered, or
  // - a part of `quote` is empty or has more than kMaxQuotePartBytes.
  // The quote that proved the records, if it is given, is kept in the same transaction, and quotes_to_thin() says which
  // others of the chain go.
  Result<bool> acknowledge(const std::string& verifier, ChainId chain, std::uint64_t number, std::int64_t now_unix_s,
                           const std::optional<AcceptedQuote>& quote = std::nullopt);
  // The chain's quotes in the order in which they were added. kMalformed if the row of one is damaged.
  Result<std::vector<KeptQuote>> quotes(ChainId chain);
  // Removes the verifier with its acknowledgements of all chains. kUsage if it is not registered.
  Result<void> remove_verifier(const std::string& verifier);
  // All registered verifiers, by name, with their acknowledgements of this chain. A verifier that acknowledged records
  // only of other chains is among them.
  Result<std::vector<Verifier>> verifiers(ChainId chain);
  // Every registered verifier has acknowledged the records before this number. A verifier that acknowledged records
  // only of other chains counts with 0. Empty if no verifier is registered.
  Result<std::optional<std::uint64_t>> acknowledged(ChainId chain);

  // Removes whole segments, oldest first, within the limits of `retention`. Their violations stay, and so do the last
  // segment and all anchors. A quote goes with the last of the records that it covers. Stops at the first segment with
  // - a record that the list may still hold, or
  // - a record that some verifier has not acknowledged, unless `retention.unacknowledged` is set. If no verifier is
  //   registered, no record is acknowledged.
  // Errors: kRefused if one of these two rules keeps the first segment although `retention` allows its removal; kUsage
  // if the archive has no such chain; kMalformed if a segment is missing or damaged.
  Result<Retired> retire(ChainId chain, const Retention& retention);

 private:
  Result<void> write(const std::function<Result<void>()>& change);
  Result<void> keep_quote(ChainId chain, std::uint64_t records, const AcceptedQuote& quote, std::int64_t now_unix_s);

  Store& store_;
};

}  // namespace imakeep::archive
