// SPDX-License-Identifier: Apache-2.0
// attest/increment.h - replays the new records of a host's chain, one by one, and finds how many of them a quote
// proves.
//
// An increment is what a host sends to a verifier: records that follow the proven ones, and a quote. A record is proven
// if the quote matches the replay at or after it, and if every record up to it names a PCR that the quote covers and
// that is replayed. So the proven records are a prefix of the list: the first record of another PCR ends it, and the
// next quote has to cover that PCR too. Records after the match of the quote are normal, because IMA appends a record
// before it extends the PCR. They are neither proven nor refuted.
//
// The state after the proven records is kept, not the records: an increment of any length takes the same memory. It can
// be saved between two records and resumed by another process. As bytes, little-endian:
//
//   saved := "imkincr1"  added:u64  bits:u8  matched_at:u64?  way:u32?  open_at:u64?  open_pcr:u32?  now pcrs?
//            candidates pcrs?
//
// Bits 0 to 2 of `bits` say whether these are there: matched_at and way; open_at; open_pcr. `now` is the replay, if the
// quote has not matched yet; `candidates` the state after the candidates, if matched_at or open_at is there. Both have
// the form of attest/pcr_bytes.h.
// Threads: one thread at a time uses an object.
#pragma once

#include <optional>
#include <vector>

#include "attest/expected.h"
#include "imalog/replay.h"

namespace imakeep::attest {

class Increment {
 public:
  // `start`: the state after the records that are proven already. Without banks: the chain begins, and each way in
  // which a kernel may extend the quoted banks is tried, except those that extend every record alike and so prove
  // nothing. `given`: values of quoted PCRs that no record names, such as the firmware's. Errors: those of
  // check_composite(); kMismatch if `start` has banks, but lacks a quoted one.
  static Result<Increment> begin(const digest::PcrState& start, const QuotedPcrs& quote,
                                 const std::vector<imalog::PcrValue>& given);

  // The state so far.
  Bytes save() const;
  // Goes on from what save() gave. The other arguments are those with which the saved increment began. Errors: those of
  // begin(); kTruncated and kMalformed for bytes that save() does not write of such an increment.
  static Result<Increment> resume(ByteView saved, const digest::PcrState& start, const QuotedPcrs& quote,
                                  const std::vector<imalog::PcrValue>& given);

  // Replays the next record. Returns whether it is a candidate: neither the match of the quote nor a record of a PCR
  // that the quote does not cover came before it, and its own PCR is covered. If the quote matches in the end, exactly
  // the candidates are proven.
  bool add(const imalog::RecordContentView& content);
  // Whether add() would return true for a record of this PCR.
  bool is_candidate(std::uint32_t pcr) const { return !matched_at_ && !open_at_ && holds(covered_, pcr); }
  // Whether the quote matches at or before the last added record.
  bool matched() const { return matched_at_.has_value(); }
  // The next record and those after it are no candidates, whatever their PCR.
  void end_candidates();

  struct Outcome {
    std::uint64_t records = 0;  // that were added
    std::optional<std::uint64_t>
        matched_at;                         // count of added records up to the match; empty: the quote matches nowhere
    std::uint64_t proven = 0;               // the first so many of the added records
    std::optional<std::uint32_t> open_pcr;  // of the first record whose PCR the quote does not cover, if it was reached
    digest::PcrState pcrs;                  // after the proven records, with the fills of the kernel; as the start
                                            // state if the quote matches nowhere
    bool weak = false;                      // proven by sha1 alone: a bank of sha1, or one that Linux fills from sha1
  };
  Outcome finish() const;

 private:
  explicit Increment(imalog::Replay replay) : replay_(std::move(replay)) {}
  static Result<Increment> make(const digest::PcrState& start, const QuotedPcrs& quote,
                                const std::vector<imalog::PcrValue>& given);
  // Begins to look for the quote, from this state on.
  Result<void> look_from(digest::PcrState state);
  void note_match();
  Result<void> load(ByteView saved);

  imalog::Replay replay_;
  digest::PcrState start_;
  imalog::PcrComposite composite_;               // that the quote is over
  std::vector<std::vector<digest::Bank>> ways_;  // the banks of each composite that is looked for
  PcrSet covered_ = 0;                           // PCRs that are quoted and replayed
  std::uint64_t added_ = 0;
  std::optional<std::uint64_t> matched_at_;
  std::size_t way_ = 0;  // that matched
  std::optional<std::uint64_t> open_at_;
  std::optional<std::uint32_t> open_pcr_;
  digest::PcrState after_candidates_;
};

}  // namespace imakeep::attest
