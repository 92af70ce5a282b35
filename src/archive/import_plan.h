// archive/import_plan.h - where each part of an import belongs. What the rules are: import.h. Threads: no shared state.
#pragma once

#include "archive/import.h"
#include "archive/overlap.h"

namespace imakeep::archive {

// A part, decoded. Borrows the list.
struct DecodedPart {
  std::string name;
  digest::Bank bank;
  std::vector<IncomingView> records;
  std::vector<RecordId> ids;
  Bytes sha256;                          // of the list's bytes
  std::optional<std::uint64_t> first;    // number of its first record, if an earlier import placed it for certain
  std::optional<std::uint64_t> earlier;  // that of a file of the same bytes, which may be another list
};

// kMismatch, and whatever ListReader says, with the part's name before it.
Result<DecodedPart> decode_part(const ImportPart& part);

// One PCR value that the log has to lead to, followed along the records. Records are extended as their data say.
class PcrTrace {
 public:
  // `start` is the PCR before the first record that is followed, and after `records` that are not.
  PcrTrace(const imalog::PcrValue& wanted, const digest::Digest& start, std::uint64_t records)
      : wanted_(wanted), now_(start) {
    if (now_ == wanted_.value) fits_after_ = records;
  }

  // `records` counts those from Known::base on, this one included.
  void follow(const imalog::RecordContentView& content, std::uint64_t records);

  const imalog::PcrValue& wanted() const { return wanted_; }
  bool fits_now() const { return now_ == wanted_.value; }
  // After how many records the value was last there.
  std::optional<std::uint64_t> fits_after() const { return fits_after_; }

 private:
  imalog::PcrValue wanted_;
  digest::Digest now_;
  std::optional<std::uint64_t> fits_after_;
};

// What the archive has of the chain.
struct Known {
  std::uint64_t base = 0;  // number of ids[0]
  std::vector<RecordId> ids;
  std::vector<bool> violations;  // beside ids
  std::vector<PcrTrace> traces;  // behind the last
};

// The number of each part's first record. Errors: import.h.
Result<std::vector<std::uint64_t>> place_parts(Known known, std::span<const DecodedPart> parts, bool no_repeats);

}  // namespace imakeep::archive
