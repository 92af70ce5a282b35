// SPDX-License-Identifier: Apache-2.0
// digest/implementation.h - selects the code that computes digests: OpenSSL, or this library's for several messages.
//
// The first use selects the fastest implementation that the processor supports. All compute the same digests; other
// choices are for tests and measurements. Threads: call use_implementation() before other threads compute digests; call
// the rest from any thread.
#pragma once

#include <string_view>
#include <vector>

#include "base/result.h"
#include "digest/algorithm.h"

namespace imakeep::digest {

enum class Implementation : std::uint8_t {
  kPortable,   // OpenSSL
  kShaNi,      // SHA-1 and SHA-256 by the SHA extensions
  kShaNiAvx2,  // the same, and SHA-384 and SHA-512 by AVX2
  kAvx512,     // the same, and many messages of all four by AVX-512, also between PCR extends
};

Implementation implementation();
std::string_view implementation_name(Implementation implementation);  // "portable", "sha-ni", "sha-ni+avx2", "avx512"
std::vector<Implementation> implementations();  // those that this processor supports, the slowest first

// kUsage for an unknown name, kUnsupported if the processor does not support it.
Result<void> use_implementation(std::string_view name);

// True if the selected implementation hashes several messages at once.
bool has_lanes(Algorithm algorithm);

}  // namespace imakeep::digest
