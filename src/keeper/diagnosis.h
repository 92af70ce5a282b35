// SPDX-License-Identifier: Apache-2.0
// keeper/diagnosis.h - the problems that the keeper may find, each with its own name.
// Threads: no shared state.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "archive/chain_id.h"

namespace imakeep::keeper {

enum class Diagnosis : std::uint8_t {
  kTrimmedByOther,      // somebody else deleted records; they are archived and proven
  kKexecDropped,        // a kexec dropped archived records from the list
  kHeadless,            // a chain's first records were deleted before imakeep saw them
  kGap,                 // records between the archive and the list are lost: deleted unseen
  kAlteredRecord,       // a record differs from what was measured
  kFailedExtend,        // records were never extended into the PCRs
  kUnexplainedExtend,   // something that is not in the list extended the PCRs
  kGapOrExtend,         // a gap or an unexplained extend; nothing left in the list tells which
  kArchiveAhead,        // the PCRs match a state before the archive's end, or a list that went on from one
  kUnreadPcr,           // a PCR that records name cannot be read: records are archived, and none is proven
  kMeasuredWithoutTpm,  // the PCRs are as before the first record: the kernel extended nothing
  kStartNotZero,        // the list begins with boot_aggregate but does not match the PCRs: start values may differ
  kConcurrentChange,    // the PCRs do not match, and records were added while they were read: look again
};

// The diagnosis as a word, as archives and messages show it: "trimmed-by-other".
std::string_view word(Diagnosis diagnosis);
// The word that it had before, if it was renamed: "unsettled".
std::optional<std::string_view> former_word(Diagnosis diagnosis);
// Takes former words too.
std::optional<Diagnosis> diagnosis_of(std::string_view word);

// One finding, for a person.
struct Finding {
  Diagnosis diagnosis = Diagnosis::kConcurrentChange;
  archive::ChainId chain = {};
  std::uint64_t first = 0;                              // number of the first record concerned
  std::optional<std::uint64_t> records = std::nullopt;  // count of records, if it can be known
  std::string what;                                     // a sentence
};

}  // namespace imakeep::keeper
