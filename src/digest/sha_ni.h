// SPDX-License-Identifier: Apache-2.0
// digest/sha_ni.h - the compression functions of SHA-1 and SHA-256 by the SHA extensions of x86.
//
// A state is eight words in host order, of which SHA-1 uses five. Blocks are 64 bytes and need no alignment. Only for
// processors with these instructions: see implementation.h. Several messages at once take little longer than one: while
// one waits, another uses the units. Source: FIPS 180-4, 6.1 and 6.2; Intel's manual of instructions, SHA1RNDS4 to
// SHA256RNDS2.
// Threads: no shared state.
#pragma once

#include <cstddef>
#include <cstdint>

namespace imakeep::digest::sha_ni {

inline constexpr std::size_t kLanes = 4;

// States before the first block of a message.
inline constexpr std::uint32_t kSha1Start[8] = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0};
inline constexpr std::uint32_t kSha256Start[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                                  0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};

// Processes `count` consecutive blocks of one message.
void sha1(std::uint32_t* state, const std::byte* blocks, std::size_t count);
void sha256(std::uint32_t* state, const std::byte* blocks, std::size_t count);

// Replaces `pcr` (words in host order) with the next value of the PCR, H(pcr || digest), and writes that value to
// `after` as bytes. `digest` is bytes too. The blocks of an extend wait for each other, so blocks of other messages
// cost less together with them than alone. SHA-1 takes one such block; SHA-256 takes one block of each of two messages.
void sha1_extend(std::uint32_t* pcr, const std::byte* digest, std::byte* after, std::uint32_t (*states)[8],
                 const std::byte* const* blocks);
void sha256_extend(std::uint32_t* pcr, const std::byte* digest, std::byte* after, std::uint32_t (*states)[8],
                   const std::byte* const* blocks);

// Each processes one block of each of kLanes messages.
void sha1_lanes(std::uint32_t (*states)[8], const std::byte* const* blocks);
void sha256_lanes(std::uint32_t (*states)[8], const std::byte* const* blocks);

}  // namespace imakeep::digest::sha_ni
