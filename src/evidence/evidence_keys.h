// SPDX-License-Identifier: Apache-2.0
// evidence/evidence_keys.h - the keys of the map that evidence is. Internal to src/evidence. Threads: constants.
#pragma once

#include <cstdint>

namespace imakeep::evidence {

// In their order on the wire.
enum class EvidenceKey : std::uint8_t {
  kVersion = 1,
  kTenant,
  kHost,
  kToken,
  kQuote,
  kSignature,
  kPcrs,
  kFirst,
  kCount,
  kEncoding,
  kPart,
  kByteOrder,
  kRecords = 14,
};

inline constexpr std::uint64_t kMostEvidenceKey = static_cast<std::uint64_t>(EvidenceKey::kRecords);

}  // namespace imakeep::evidence
