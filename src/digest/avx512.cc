// SPDX-License-Identifier: Apache-2.0
#include "digest/avx512.h"

// Unlike most files, this one is compiled for AVX-512. It must not use inline functions of other headers: the linker
// could choose this file's copy of them for the whole program.
#if defined(__x86_64__)

#include <immintrin.h>

#include <utility>

#include "digest/round_constants.h"

namespace imakeep::digest::avx512 {
namespace {

// One word of each message.
using Words = __m512i;

[[gnu::always_inline]] inline Words sum(Words a, Words b) {
  return _mm512_add_epi32(a, b);
}
[[gnu::always_inline]] inline Words parity(Words a, Words b, Words c) {
  return _mm512_ternarylogic_epi32(a, b, c, 0x96);
}
[[gnu::always_inline]] inline Words choice(Words a, Words b, Words c) {
  return _mm512_ternarylogic_epi32(a, b, c, 0xca);
}
[[gnu::always_inline]] inline Words majority(Words a, Words b, Words c) {
  return _mm512_ternarylogic_epi32(a, b, c, 0xe8);
}
[[gnu::always_inline]] inline Words every(std::uint32_t word) {
  return _mm512_set1_epi32(static_cast<int>(word));
}

// Loads the sixteen words of each block: words[i] holds word i of every block.
[[gnu::always_inline]] inline void load_blocks(Words (&words)[16], const std::byte* const* blocks) {
  const Words big_endian = _mm512_broadcast_i32x4(_mm_set_epi64x(0x0c0d0e0f08090a0b, 0x0405060700010203));
  Words rows[16], pairs[16];
  for (std::size_t lane = 0; lane < 16; ++lane) {
    rows[lane] = _mm512_shuffle_epi8(_mm512_loadu_si512(blocks[lane]), big_endian);
  }
  // Transpose four rows at a time: each quarter of a register then holds one word of all four.
  for (std::size_t four = 0; four < 16; four += 4) {
    const Words low01 = _mm512_unpacklo_epi32(rows[four], rows[four + 1]);
    const Words high01 = _mm512_unpackhi_epi32(rows[four], rows[four + 1]);
    const Words low23 = _mm512_unpacklo_epi32(rows[four + 2], rows[four + 3]);
    const Words high23 = _mm512_unpackhi_epi32(rows[four + 2], rows[four + 3]);
    pairs[four] = _mm512_unpacklo_epi64(low01, low23);
    pairs[four + 1] = _mm512_unpackhi_epi64(low01, low23);
    pairs[four + 2] = _mm512_unpacklo_epi64(high01, high23);
    pairs[four + 3] = _mm512_unpackhi_epi64(high01, high23);
  }
  // Quarter q of pairs[4 f + i] holds word 4 q + i of the messages 4 f to 4 f + 3.
  for (std::size_t i = 0; i < 4; ++i) {
    const Words even01 = _mm512_shuffle_i32x4(pairs[i], pairs[4 + i], 0x88);
    const Words odd01 = _mm512_shuffle_i32x4(pairs[i], pairs[4 + i], 0xdd);
    const Words even23 = _mm512_shuffle_i32x4(pairs[8 + i], pairs[12 + i], 0x88);
    const Words odd23 = _mm512_shuffle_i32x4(pairs[8 + i], pairs[12 + i], 0xdd);
    words[i] = _mm512_shuffle_i32x4(even01, even23, 0x88);
    words[8 + i] = _mm512_shuffle_i32x4(even01, even23, 0xdd);
    words[4 + i] = _mm512_shuffle_i32x4(odd01, odd23, 0x88);
    words[12 + i] = _mm512_shuffle_i32x4(odd01, odd23, 0xdd);
  }
}

// ---- SHA-256

template <std::size_t Round>
[[gnu::always_inline]] inline void sha256_round(Words (&s)[8], Words (&words)[16]) {
  if constexpr (Round >= 16) {
    const Words w2 = words[(Round - 2) % 16], w15 = words[(Round - 15) % 16];
    const Words sigma1 = parity(_mm512_ror_epi32(w2, 17), _mm512_ror_epi32(w2, 19), _mm512_srli_epi32(w2, 10));
    const Words sigma0 = parity(_mm512_ror_epi32(w15, 7), _mm512_ror_epi32(w15, 18), _mm512_srli_epi32(w15, 3));
    words[Round % 16] = sum(sum(sigma1, words[(Round - 7) % 16]), sum(sigma0, words[Round % 16]));
  }
  // The names a to h shift by one in each round.
  constexpr std::size_t kA = (64 - Round) % 8;
  Words &a = s[kA], &b = s[(kA + 1) % 8], &c = s[(kA + 2) % 8], &d = s[(kA + 3) % 8];
  Words &e = s[(kA + 4) % 8], &f = s[(kA + 5) % 8], &g = s[(kA + 6) % 8], &h = s[(kA + 7) % 8];
  const Words sum1 = parity(_mm512_ror_epi32(e, 6), _mm512_ror_epi32(e, 11), _mm512_ror_epi32(e, 25));
  const Words sum0 = parity(_mm512_ror_epi32(a, 2), _mm512_ror_epi32(a, 13), _mm512_ror_epi32(a, 22));
  const Words input = sum(words[Round % 16], every(kSha256Rounds[Round]));
  const Words t1 = sum(sum(h, input), sum(sum1, choice(e, f, g)));
  d = sum(d, t1);
  h = sum(t1, sum(sum0, majority(a, b, c)));
}

template <std::size_t... Round>
[[gnu::always_inline]] inline void sha256_block(std::uint32_t (&states)[8][kLanes], const std::byte* const* blocks,
                                                std::index_sequence<Round...>) {
  Words words[16], s[8];
  load_blocks(words, blocks);
  for (std::size_t i = 0; i < 8; ++i) s[i] = _mm512_loadu_si512(states[i]);
  (sha256_round<Round>(s, words), ...);
  for (std::size_t i = 0; i < 8; ++i) _mm512_storeu_si512(states[i], sum(s[i], _mm512_loadu_si512(states[i])));
}

// ---- SHA-1

template <std::size_t Round>
[[gnu::always_inline]] inline void sha1_round(Words (&s)[5], Words (&words)[16]) {
  if constexpr (Round >= 16) {
    const Words mixed = parity(words[(Round - 3) % 16], words[(Round - 8) % 16], words[(Round - 14) % 16]);
    words[Round % 16] = _mm512_rol_epi32(_mm512_xor_si512(mixed, words[Round % 16]), 1);
  }
  constexpr std::size_t kA = (80 - Round) % 5;
  Words &a = s[kA], &b = s[(kA + 1) % 5], &c = s[(kA + 2) % 5], &d = s[(kA + 3) % 5], &e = s[(kA + 4) % 5];
  Words mixed;
  if constexpr (Round < 20) {
    mixed = choice(b, c, d);
  } else if constexpr (Round >= 40 && Round < 60) {
    mixed = majority(b, c, d);
  } else {
    mixed = parity(b, c, d);
  }
  const Words input = sum(words[Round % 16], every(kSha1Rounds[Round / 20]));
  e = sum(sum(e, input), sum(_mm512_rol_epi32(a, 5), mixed));
  b = _mm512_rol_epi32(b, 30);
}

template <std::size_t... Round>
[[gnu::always_inline]] inline void sha1_block(std::uint32_t (&states)[8][kLanes], const std::byte* const* blocks,
                                              std::index_sequence<Round...>) {
  Words words[16], s[5];
  load_blocks(words, blocks);
  for (std::size_t i = 0; i < 5; ++i) s[i] = _mm512_loadu_si512(states[i]);
  (sha1_round<Round>(s, words), ...);
  for (std::size_t i = 0; i < 5; ++i) _mm512_storeu_si512(states[i], sum(s[i], _mm512_loadu_si512(states[i])));
}

// ---- SHA-512

[[gnu::always_inline]] inline Words sum64(Words a, Words b) {
  return _mm512_add_epi64(a, b);
}

// The same for eight blocks of SHA-512, whose words are twice as long.
[[gnu::always_inline]] inline void load_wide_blocks(Words (&words)[16], const std::byte* const* blocks) {
  const Words big_endian =
      _mm512_set4_epi64(0x08090a0b0c0d0e0f, 0x0001020304050607, 0x08090a0b0c0d0e0f, 0x0001020304050607);
  for (std::size_t half = 0; half < 2; ++half) {
    Words pairs[8];
    for (std::size_t two = 0; two < 8; two += 2) {
      const Words first = _mm512_shuffle_epi8(_mm512_loadu_si512(blocks[two] + 64 * half), big_endian);
      const Words second = _mm512_shuffle_epi8(_mm512_loadu_si512(blocks[two + 1] + 64 * half), big_endian);
      pairs[two] = _mm512_unpacklo_epi64(first, second);
      pairs[two + 1] = _mm512_unpackhi_epi64(first, second);
    }
    // Quarter q of pairs[2 t + i] holds word 2 q + i of the messages 2 t and 2 t + 1.
    for (std::size_t i = 0; i < 2; ++i) {
      const Words even01 = _mm512_shuffle_i64x2(pairs[i], pairs[2 + i], 0x88);
      const Words odd01 = _mm512_shuffle_i64x2(pairs[i], pairs[2 + i], 0xdd);
      const Words even23 = _mm512_shuffle_i64x2(pairs[4 + i], pairs[6 + i], 0x88);
      const Words odd23 = _mm512_shuffle_i64x2(pairs[4 + i], pairs[6 + i], 0xdd);
      Words* const at = words + 8 * half + i;
      at[0] = _mm512_shuffle_i64x2(even01, even23, 0x88);
      at[4] = _mm512_shuffle_i64x2(even01, even23, 0xdd);
      at[2] = _mm512_shuffle_i64x2(odd01, odd23, 0x88);
      at[6] = _mm512_shuffle_i64x2(odd01, odd23, 0xdd);
    }
  }
}

template <std::size_t Round>
[[gnu::always_inline]] inline void sha512_round(Words (&s)[8], Words (&words)[16]) {
  if constexpr (Round >= 16) {
    const Words w2 = words[(Round - 2) % 16], w15 = words[(Round - 15) % 16];
    const Words sigma1 = parity(_mm512_ror_epi64(w2, 19), _mm512_ror_epi64(w2, 61), _mm512_srli_epi64(w2, 6));
    const Words sigma0 = parity(_mm512_ror_epi64(w15, 1), _mm512_ror_epi64(w15, 8), _mm512_srli_epi64(w15, 7));
    words[Round % 16] = sum64(sum64(sigma1, words[(Round - 7) % 16]), sum64(sigma0, words[Round % 16]));
  }
  constexpr std::size_t kA = (80 - Round) % 8;
  Words &a = s[kA], &b = s[(kA + 1) % 8], &c = s[(kA + 2) % 8], &d = s[(kA + 3) % 8];
  Words &e = s[(kA + 4) % 8], &f = s[(kA + 5) % 8], &g = s[(kA + 6) % 8], &h = s[(kA + 7) % 8];
  const Words sum1 = parity(_mm512_ror_epi64(e, 14), _mm512_ror_epi64(e, 18), _mm512_ror_epi64(e, 41));
  const Words sum0 = parity(_mm512_ror_epi64(a, 28), _mm512_ror_epi64(a, 34), _mm512_ror_epi64(a, 39));
  const Words constant = _mm512_set1_epi64(static_cast<long long>(kSha512Rounds[Round]));
  const Words t1 = sum64(sum64(h, sum64(words[Round % 16], constant)), sum64(sum1, choice(e, f, g)));
  d = sum64(d, t1);
  h = sum64(t1, sum64(sum0, majority(a, b, c)));
}

template <std::size_t... Round>
[[gnu::always_inline]] inline void sha512_block(std::uint64_t (&states)[8][kWideLanes], const std::byte* const* blocks,
                                                std::index_sequence<Round...>) {
  Words words[16], s[8];
  load_wide_blocks(words, blocks);
  for (std::size_t i = 0; i < 8; ++i) s[i] = _mm512_loadu_si512(states[i]);
  (sha512_round<Round>(s, words), ...);
  for (std::size_t i = 0; i < 8; ++i) _mm512_storeu_si512(states[i], sum64(s[i], _mm512_loadu_si512(states[i])));
}

}  // namespace

void sha1_lanes(std::uint32_t (&states)[8][kLanes], const std::byte* const* blocks) {
  sha1_block(states, blocks, std::make_index_sequence<80>());
}

void sha256_lanes(std::uint32_t (&states)[8][kLanes], const std::byte* const* blocks) {
  sha256_block(states, blocks, std::make_index_sequence<64>());
}

void sha512_lanes(std::uint64_t (&states)[8][kWideLanes], const std::byte* const* blocks) {
  sha512_block(states, blocks, std::make_index_sequence<80>());
}

void begin_block(Work& work, const std::uint32_t (&states)[8][kLanes], const std::byte* const* blocks) {
  Words words[16];
  load_blocks(words, blocks);
  for (std::size_t i = 0; i < 16; ++i) _mm512_store_si512(work.words[i], words[i]);
  for (std::size_t i = 0; i < 8; ++i) _mm512_store_si512(work.states[i], _mm512_loadu_si512(states[i]));
}

void finish_block(const Work& work, std::uint32_t (&states)[8][kLanes]) {
  for (std::size_t i = 0; i < 8; ++i) {
    _mm512_storeu_si512(states[i], sum(_mm512_load_si512(work.states[i]), _mm512_loadu_si512(states[i])));
  }
}

}  // namespace imakeep::digest::avx512

#else  // not x86

namespace imakeep::digest::avx512 {

void sha1_lanes(std::uint32_t (&)[8][kLanes], const std::byte* const*) {}
void sha256_lanes(std::uint32_t (&)[8][kLanes], const std::byte* const*) {}
void sha512_lanes(std::uint64_t (&)[8][kWideLanes], const std::byte* const*) {}
void begin_block(Work&, const std::uint32_t (&)[8][kLanes], const std::byte* const*) {}
void finish_block(const Work&, std::uint32_t (&)[8][kLanes]) {}

}  // namespace imakeep::digest::avx512

#endif
