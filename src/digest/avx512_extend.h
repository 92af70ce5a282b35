// digest/avx512_extend.h - PCR extends by the SHA extensions with rounds of sixteen other messages by AVX-512 between.
//
// An extend waits for itself most of the time, and the SHA extensions have room for little else meanwhile; the units of
// AVX-512 do: eight rounds of sixteen messages lengthen an extend by a tenth or so. Only for processors that have
// both: see kernel.h. Source: FIPS 180-4, 6.1 and 6.2. Threads: no shared state.
#pragma once

#include "digest/avx512.h"

namespace imakeep::digest::avx512 {

// The rounds of a block are done in so many parts, one beside each extend.
inline constexpr std::size_t kParts = 8;

// As sha1_extend() and sha256_extend() of sha_ni.h; beside it the part of `work`, of which those before are done. Part
// kParts is nothing.
void sha1_extend(std::uint32_t* pcr, const std::byte* digest, std::byte* after, Work& work, std::size_t part);
void sha256_extend(std::uint32_t* pcr, const std::byte* digest, std::byte* after, Work& work, std::size_t part);

}  // namespace imakeep::digest::avx512
