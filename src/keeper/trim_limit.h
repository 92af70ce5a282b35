// SPDX-License-Identifier: Apache-2.0
// keeper/trim_limit.h - how many of the list's records a trim may delete by what the registered verifiers have proven.
//
// With TrimAfter::kVerified the keeper deletes no record of a chain from the smallest number on that a registered
// verifier has acknowledged of this chain. The acknowledgements are rows of the archive (Archive::acknowledge()), which
// only the keeper's thread writes while a keeper runs. So a limit holds for the whole trim.
// Source: docs/protocol.md, "After the verifiers". Threads: values; trim_limit() by the archive's thread.
#pragma once

#include <limits>
#include <string>

#include "archive/archive.h"
#include "keeper/chain_state.h"

namespace imakeep::keeper {

// When a record may be trimmed.
enum class TrimAfter : std::uint8_t {
  kArchived,  // once it is archived and proven by the PCRs
  kVerified,  // once every registered verifier has proven it, too
};

struct TrimLimit {
  bool limited = false;  // false: verifiers limit nothing
  // Count of records at the list's front, in the shape that the archive knows, that every verifier has proven.
  std::uint64_t verified = std::numeric_limits<std::uint64_t>::max();
  // Count of the archived records in the list after those.
  std::uint64_t unverified = 0;
  std::string why = {};  // a sentence about what holds the other records back; empty if nothing does

  bool covers(std::uint64_t records) const { return records <= verified; }
  // How many records "N" may delete if at least `certain` archived records are in the list, all others being newer.
  // The last `unverified` of the archived ones stay.
  std::uint64_t of_certain(std::uint64_t certain) const { return certain - std::min(certain, unverified); }
};

// Errors: the archive's.
Result<TrimLimit> trim_limit(archive::Archive& archive, const ChainState& state, TrimAfter trim_after);

// Why nothing may be trimmed while no verifier is registered, with the remedy.
inline constexpr const char* kNoVerifier =
    "trim_after is \"verified\", and no verifier is registered: let one report what it has proven, or set trim_after "
    "to \"archived\"";

}  // namespace imakeep::keeper
