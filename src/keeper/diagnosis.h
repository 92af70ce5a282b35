// keeper/diagnosis.h - what the keeper may find that is not as it should be, each with its own name.
// Threads: no shared state.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace imakeep::keeper {

enum class Diagnosis : std::uint8_t {
  kTrimmedByOther,     // somebody else deleted records; they are archived and proven
  kKexecDropped,       // a kexec dropped archived records from the list
  kHeadless,           // a chain's first records were deleted before imakeep ever saw them
  kGap,                // records are missing between the archive and the list: deleted unseen
  kAlteredRecord,      // a record is not what it was when it was measured
  kFailedExtend,       // records that were never extended into the PCRs
  kUnexplainedExtend,  // the PCRs were extended by something that is not in the list
  kGapOrExtend,        // one of the two, and nothing left in the list tells which
  kArchiveAhead,       // the PCRs stand before the archive's end: restored from elsewhere, or a TPM set back
  kUnsettled,          // the PCRs do not fit, and records came in while they were read: look again
};

// A word, as archives and messages have it: "trimmed-by-other".
std::string_view word(Diagnosis diagnosis);
std::optional<Diagnosis> diagnosis_of(std::string_view word);

// What was found, for a person.
struct Found {
  Diagnosis diagnosis = Diagnosis::kUnsettled;
  std::uint64_t chain = 0;
  std::uint64_t first = 0;                              // the record from which on
  std::optional<std::uint64_t> records = std::nullopt;  // how many, where that can be known
  std::string what;                                     // a sentence
};

}  // namespace imakeep::keeper
