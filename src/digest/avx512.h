// SPDX-License-Identifier: Apache-2.0
// digest/avx512.h - the compression functions of SHA-1, SHA-256 and SHA-512 for many messages at once, by AVX-512.
//
// States are stored word by word, each word for all messages: states[word][lane]. Blocks need no alignment. Only for
// processors with AVX-512: see implementation.h. PCR extends together with a block: avx512_extend.h.
// Source: FIPS 180-4, 6.1, 6.2 and 6.4. Threads: no shared state.
#pragma once

#include <cstddef>
#include <cstdint>

namespace imakeep::digest::avx512 {

inline constexpr std::size_t kLanes = 16;     // of SHA-1 and SHA-256
inline constexpr std::size_t kWideLanes = 8;  // of SHA-512 and SHA-384

// Each processes one block of each message: 64 bytes, or 128 bytes for SHA-512.
void sha1_lanes(std::uint32_t (&states)[8][kLanes], const std::byte* const* blocks);
void sha256_lanes(std::uint32_t (&states)[8][kLanes], const std::byte* const* blocks);
void sha512_lanes(std::uint64_t (&states)[8][kWideLanes], const std::byte* const* blocks);

// The same for SHA-1 and SHA-256, for a caller that carries out the rounds itself. begin_block() stores the states and
// the blocks' words, word by word for all messages. After the rounds, finish_block() adds the resulting states to
// `states`.
struct Work {
  alignas(64) std::uint32_t states[8][kLanes];
  alignas(64) std::uint32_t words[16][kLanes];
};
void begin_block(Work& work, const std::uint32_t (&states)[8][kLanes], const std::byte* const* blocks);
void finish_block(const Work& work, std::uint32_t (&states)[8][kLanes]);

}  // namespace imakeep::digest::avx512
