// SPDX-License-Identifier: Apache-2.0
// attest/proof.h - finds which records of a log the PCRs prove, for each PCR on its own.
//
// A record is proven if a value of the PCR that it names matches at or after it: replay from the start of the log up to
// that point gives the value. A value of one PCR says nothing about records that name another. If values of several
// banks are compared for a PCR, each has to match, and the proof covers the records that all of them cover. Records
// after the last match are normal, because IMA appends a record before it extends the PCR.
//
// Records between proven ones. IMA extends one record at a time, in the log's order. So at any moment the extended
// records are a prefix of the log. A value of PCR P that matches after K of P's records was read at a moment whose
// prefix holds the K-th record of P and does not hold the next one, P's first record that is not proven. Call that
// record N(P), and let L be the last proven record of the log, of any PCR.
// - If no N(P) lies before L, the prefix that ends with L explains every value at once. Then the proven records are all
//   records up to L that name a PCR with a value: no unproven record of such a PCR lies between proven ones.
// - If N(P) lies before L, no single moment explains the values. Either the value of P was read first, and N(P) was
//   extended before the value that proves L was read; or N(P) was never extended, and somebody added it to the log. The
//   values cannot tell which. Values read again can: PCRs that do not change while they are read match at one moment.
// So N(P) is not proven in either case, and between_proven() names it. A quote states all its PCRs at one moment, so
// this arises only with values that were read one after the other, or given together with a quote.
// Threads: no shared state.
#pragma once

#include <array>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <vector>

#include "digest/bank.h"
#include "digest/pcr_state.h"

namespace imakeep::attest {

using PcrCounts = std::array<std::uint64_t, digest::kPcrCount>;

// Counts the records of a log while they are read.
class RecordCounts {
 public:
  // Records from this number on count as unreachable.
  explicit RecordCounts(std::uint64_t reachable = std::numeric_limits<std::uint64_t>::max()) : reachable_(reachable) {}

  void add(std::uint32_t pcr);

  std::uint64_t records() const { return records_; }
  const PcrCounts& of_pcrs() const { return of_pcrs_; }
  std::uint64_t of_pcr(std::uint32_t pcr) const { return of_pcrs_[pcr]; }
  std::uint64_t unreachable_of_pcr(std::uint32_t pcr) const { return unreachable_[pcr]; }

 private:
  std::uint64_t reachable_;
  std::uint64_t records_ = 0;
  PcrCounts of_pcrs_{};
  PcrCounts unreachable_{};
};

// A prefix of a log, seen from one PCR.
struct Prefix {
  std::uint64_t records = 0;                         // of the log
  std::uint64_t of_pcr = 0;                          // those of them that name the PCR
  std::optional<std::uint64_t> next = std::nullopt;  // the first record after it that names the PCR; empty: none
};

// One bank of one PCR, compared with the log by a value or by a quote.
struct Comparison {
  digest::Bank bank;
  std::uint32_t pcr = 10;
  std::optional<Prefix> matched = std::nullopt;  // the prefix that matches the value; empty: none does
};

// The proof for the records that name one PCR.
struct PcrProof {
  std::uint32_t pcr = 10;
  std::uint64_t records = 0;             // of the log; never 0
  std::uint64_t unreachable = 0;         // those of them after the point where replay has to end
  std::vector<digest::Bank> banks = {};  // compared; empty: no value of the PCR was given
  bool matched = false;                  // values were compared, and each matches
  std::uint64_t proven = 0;              // the first `proven` of `records` are proven
  std::uint64_t matched_at = 0;          // count of all records of the log up to the match
  // Index in the log of the first of `records` that is not proven; empty if all are, or if the PCR does not match.
  std::optional<std::uint64_t> first_unproven = std::nullopt;
  bool weak = false;  // proven by sha1 alone: a bank of sha1, or one that Linux fills from sha1

  std::uint64_t after_match() const { return matched ? records - proven - unreachable : 0; }
  std::uint64_t unproven() const { return matched ? unreachable : records; }
};

// For each PCR that some record names, in ascending order.
std::vector<PcrProof> prove(const RecordCounts& counts, std::span<const Comparison> comparisons);

struct ProofTotals {
  std::uint64_t proven = 0;
  std::uint64_t after_match = 0;  // after the match of their PCR
  std::uint64_t unproven = 0;     // all others
};
ProofTotals totals(std::span<const PcrProof> proofs);

// Of the PCRs that match, the one whose first unproven record lies before a proven record; of several such PCRs, the
// one whose record comes first. Empty: the values match at one moment (see above).
std::optional<PcrProof> between_proven(std::span<const PcrProof> proofs);

}  // namespace imakeep::attest
