// SPDX-License-Identifier: Apache-2.0
// archive/import_plan.h - finds the place of each part of an import in the chain. import.h has the rules.
// Threads: no shared state.
#pragma once

#include "archive/import.h"
#include "archive/overlap.h"

namespace imakeep::archive {

// A decoded part. Borrows the list.
struct DecodedPart {
  std::string name;
  digest::Bank bank;
  ByteOrder order = kHostOrder;
  std::vector<IncomingView> records;
  std::vector<RecordId> ids;
  Bytes sha256;                          // of the list's bytes
  std::optional<std::uint64_t> first;    // number of its first record, if its import was interrupted
  std::optional<std::uint64_t> earlier;  // first record of an imported file with equal bytes, maybe of another list
};

// Errors name the part: kMismatch if no digest matches its record in the part's bank; ListReader's.
Result<DecodedPart> decode_part(const ImportPart& part);

// Replays one PCR along the records, and compares it with a value that the log has to match. Each record is extended as
// its data says.
class PcrTrace {
 public:
  // `start` is the PCR's value before the first record that is followed. `records` records come before that one.
  PcrTrace(const imalog::PcrValue& wanted, const digest::Digest& start, std::uint64_t records)
      : wanted_(wanted), now_(start) {
    if (now_ == wanted_.value) matched_after_ = records;
  }

  // `records` is the count of records from Known::base on, this one included.
  void follow(const imalog::RecordContentView& content, std::uint64_t records);

  const imalog::PcrValue& wanted() const { return wanted_; }
  bool matches_now() const { return now_ == wanted_.value; }
  // The count of records after which the PCR last had the value; empty if it never had.
  std::optional<std::uint64_t> matched_after() const { return matched_after_; }

 private:
  imalog::PcrValue wanted_;
  digest::Digest now_;
  std::optional<std::uint64_t> matched_after_;
};

// The records of the chain that the archive holds.
struct Known {
  std::uint64_t base = 0;  // number of ids[0]
  std::vector<RecordId> ids;
  std::vector<bool> violations;  // one for each of `ids`
  std::vector<PcrTrace> traces;  // after the last record
};

// The number of each part's first record. Errors: import.h.
Result<std::vector<std::uint64_t>> place_parts(Known known, std::span<const DecodedPart> parts, bool no_repeats);

}  // namespace imakeep::archive
