// SPDX-License-Identifier: Apache-2.0
// digest/avx512_extend.h - PCR extends by the SHA extensions, interleaved with AVX-512 rounds of other messages.
//
// The instructions of an extend mostly wait for each other. The units of the SHA extensions have little room for other
// work meanwhile, but the units of AVX-512 do: eight rounds of sixteen messages lengthen an extend by about a tenth.
// Only for processors with both: see implementation.h. Source: FIPS 180-4, 6.1 and 6.2. Threads: no shared state.
#pragma once

#include "digest/avx512.h"

namespace imakeep::digest::avx512 {

// The rounds of a block are divided into this number of parts, one for each extend.
inline constexpr std::size_t kParts = 8;

// Like sha1_extend() and sha256_extend() of sha_ni.h. Together with the extend, carries out part `part` of the rounds
// of `work`. REQUIRES: the earlier parts are done. Part kParts contains no rounds.
void sha1_extend(std::uint32_t* pcr, const std::byte* digest, std::byte* after, Work& work, std::size_t part);
void sha256_extend(std::uint32_t* pcr, const std::byte* digest, std::byte* after, Work& work, std::size_t part);

}  // namespace imakeep::digest::avx512
