// SPDX-License-Identifier: Apache-2.0
// evidence/bundle_keys.h - the keys of the map that a bundle is, and the size of its arrays. Internal to src/evidence.
// Threads: constants.
#pragma once

#include <cstddef>
#include <cstdint>

namespace imakeep::evidence {

// In their order in the file.
enum class BundleKey : std::uint8_t {
  kFormat = 1,
  kVersion,
  kHost,
  kMade,
  kChain,
  kByteOrder,
  kEkCertificate,
  kQuotes,
  kCount,
  kRecords,
  kChecksum,
};

inline constexpr std::size_t kBundleMembers = static_cast<std::size_t>(BundleKey::kChecksum);
// Of a quote: records, time, statement, signature, key, PCR values.
inline constexpr std::size_t kBundleQuoteElements = 6;

}  // namespace imakeep::evidence
