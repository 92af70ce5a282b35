// digest/kernel.h - which code computes digests: OpenSSL's, or this library's for several messages at once.
//
// The fastest that the processor has is chosen at the first use. All give the same digests; choosing is for tests and
// measurements. Threads: use_kernel() before other threads compute digests; the rest from any.
#pragma once

#include <string_view>
#include <vector>

#include "base/result.h"
#include "digest/algorithm.h"

namespace imakeep::digest {

enum class Kernel : std::uint8_t {
  kPortable,   // OpenSSL
  kShaNi,      // SHA-1 and SHA-256 by the SHA extensions
  kShaNiAvx2,  // and SHA-384 and SHA-512 by AVX2
  kAvx512,     // and many messages of any of the four by AVX-512, also between PCR extends
};

Kernel kernel();
std::string_view kernel_name(Kernel kernel);  // "portable", "sha-ni", "sha-ni+avx2", "avx512"
std::vector<Kernel> kernels();                // those that this processor has, the slowest first

// kUsage for a name that is none, kUnsupported where the processor lacks it.
Result<void> use_kernel(std::string_view name);

// Whether the chosen kernel takes several messages at once.
bool has_lanes(Algorithm algorithm);

}  // namespace imakeep::digest
