// digest/avx512.h - the compression functions of SHA-1, SHA-256 and SHA-512 for many messages at once by AVX-512.
//
// A state is a word of all messages, then the next word: states[word][lane]. Blocks need no alignment. Only for
// processors that have it: see kernel.h. SHA extensions must not stand between these instructions: with the registers'
// upper parts in use, an extend beside a block of sixteen messages takes a hundred times as long as alone.
// Source: FIPS 180-4, 6.1, 6.2 and 6.4. Threads: no shared state.
#pragma once

#include <cstddef>
#include <cstdint>

namespace imakeep::digest::avx512 {

inline constexpr std::size_t kLanes = 16;     // of SHA-1 and SHA-256
inline constexpr std::size_t kWideLanes = 8;  // of SHA-512 and SHA-384

// One block of each message: 64 bytes, 128 of SHA-512.
void sha1_lanes(std::uint32_t (&states)[8][kLanes], const std::byte* const* blocks);
void sha256_lanes(std::uint32_t (&states)[8][kLanes], const std::byte* const* blocks);
void sha512_lanes(std::uint64_t (&states)[8][kWideLanes], const std::byte* const* blocks);

}  // namespace imakeep::digest::avx512
