// SPDX-License-Identifier: Apache-2.0
// digest/avx2.h - the compression function of SHA-512 and SHA-384 for four messages at once, by AVX2.
//
// A state is eight words in host order. Blocks are 128 bytes and need no alignment. Only for processors with AVX2: see
// implementation.h.
// Source: FIPS 180-4, 6.4. Threads: no shared state.
#pragma once

#include <cstddef>
#include <cstdint>

namespace imakeep::digest::avx2 {

inline constexpr std::size_t kLanes = 4;

// Processes one block of each of kLanes messages.
void sha512_lanes(std::uint64_t (*states)[8], const std::byte* const* blocks);

}  // namespace imakeep::digest::avx2
