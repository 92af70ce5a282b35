// SPDX-License-Identifier: Apache-2.0
// appraisal/keylime_replay.h - how Keylime compares a list with a quoted PCR, and what it keeps between two quotes.
//
// All lines go into one running value, whatever PCR they name. A line that Keylime cannot read goes into none. The
// quoted value matches before the first line, or after a line; the first match counts. Lines after the match come again
// with the next quote. If a quote lagged behind its list, the next one must not lag more. imakeep's own proof is
// attest/proof.h; this is for comparison with Keylime.
// Source: keylime/ima/ima.py and keylime/agentstates.py at Keylime's commit 9b1f6e6a. Threads: one at a time.
#pragma once

#include <optional>
#include <vector>

#include "appraisal/keylime_line.h"
#include "appraisal/reason.h"

namespace imakeep::appraisal {

struct KeylimeState {
  digest::Digest pcr;            // of the bank's size; zeros at first
  std::uint64_t next_entry = 0;  // index of the first line that the quotes so far do not cover
  std::uint64_t lag = 0;         // lines after the match of the last quote
};

class KeylimeReplay {
 public:
  KeylimeReplay(digest::Algorithm bank, const KeylimeState& from, const digest::Digest& quoted);

  // REQUIRES: every line of the list is added once, in order.
  void add(const KeylimeLine& line, digest::Algorithm log_hash);
  void add_unreadable() { ++lines_; }

  struct Result {
    std::vector<Reason> reasons;  // kPcrMismatch or kQuoteProgress; empty if the quote matches
    KeylimeState next;            // unchanged without a match
  };
  Result end() const;

 private:
  void compare();

  digest::Algorithm bank_;
  KeylimeState from_;
  digest::Digest quoted_;
  digest::Digest running_;
  std::uint64_t lines_ = 0;
  std::optional<std::uint64_t> matched_at_;
};

}  // namespace imakeep::appraisal
