// SPDX-License-Identifier: Apache-2.0
// digest/sha_ni_rounds.h - rounds of SHA-1 and SHA-256 by the SHA extensions of x86, to be interleaved with other work.
//
// Only for files that are compiled for these instructions. Every function here is inlined at its call, and visible only
// in its file: the linker could choose such a file's copy of an ordinary inline function for the whole program.
// Source: same as sha_ni.h. Threads: no shared state.
#pragma once

#include <immintrin.h>

#include <cstddef>
#include <cstdint>
#include <utility>

#include "digest/round_constants.h"

namespace imakeep::digest::sha_ni {

#define IMAKEEP_INLINE [[gnu::always_inline]] static inline

struct Words {
  alignas(16) std::uint32_t words[64];
};

static constexpr std::uint32_t rotate_right(std::uint32_t word, int bits) {
  return word >> bits | word << (32 - bits);
}

// Message schedule plus round constants of the padding block that follows a message of 64 bytes.
static constexpr Words padding_rounds() {
  Words made{{0x80000000}};
  made.words[15] = 512;
  std::uint32_t* const w = made.words;
  for (int i = 16; i < 64; ++i) {
    const std::uint32_t s0 = rotate_right(w[i - 15], 7) ^ rotate_right(w[i - 15], 18) ^ w[i - 15] >> 3;
    const std::uint32_t s1 = rotate_right(w[i - 2], 17) ^ rotate_right(w[i - 2], 19) ^ w[i - 2] >> 10;
    w[i] = w[i - 16] + s0 + w[i - 7] + s1;
  }
  for (int i = 0; i < 64; ++i) w[i] += kSha256Rounds[i];
  return made;
}
inline constexpr Words kPaddingRounds = padding_rounds();

IMAKEEP_INLINE __m128i load(const void* from) {
  return _mm_loadu_si128(static_cast<const __m128i*>(from));
}
IMAKEEP_INLINE void store(void* to, __m128i value) {
  _mm_storeu_si128(static_cast<__m128i*>(to), value);
}

IMAKEEP_INLINE void sha256_four_rounds(__m128i& abef, __m128i& cdgh, __m128i input) {
  cdgh = _mm_sha256rnds2_epu32(cdgh, abef, input);
  abef = _mm_sha256rnds2_epu32(abef, cdgh, _mm_shuffle_epi32(input, 0x0e));
}

// Rounds 4 I to 4 I + 3 of SHA-256 in every lane. `words` holds the last sixteen words of the message schedule.
template <std::size_t I, std::size_t Lanes>
IMAKEEP_INLINE void sha256_rounds(__m128i (&abef)[Lanes], __m128i (&cdgh)[Lanes], __m128i (&words)[Lanes][4]) {
  const __m128i constants = _mm_load_si128(reinterpret_cast<const __m128i*>(kSha256Rounds + 4 * I));
  for (std::size_t lane = 0; lane < Lanes; ++lane) {
    __m128i(&word)[4] = words[lane];
    if constexpr (I >= 4) {
      const __m128i sum = _mm_add_epi32(_mm_sha256msg1_epu32(word[I % 4], word[(I + 1) % 4]),
                                        _mm_alignr_epi8(word[(I + 3) % 4], word[(I + 2) % 4], 4));
      word[I % 4] = _mm_sha256msg2_epu32(sum, word[(I + 3) % 4]);
    }
    sha256_four_rounds(abef[lane], cdgh[lane], _mm_add_epi32(word[I % 4], constants));
  }
}

IMAKEEP_INLINE __m128i big_endian_words(__m128i bytes) {
  return _mm_shuffle_epi8(bytes, _mm_set_epi64x(0x0c0d0e0f08090a0b, 0x0405060700010203));
}

// All rounds of the block in every lane. Calls `interleaved`(i) after group i of four rounds. That work does not depend
// on these rounds.
template <std::size_t Lanes, std::size_t... I, class Together>
IMAKEEP_INLINE void sha256_words(__m128i (&abef)[Lanes], __m128i (&cdgh)[Lanes], __m128i (&words)[Lanes][4],
                                 std::index_sequence<I...>, const Together& interleaved) {
  __m128i abef_before[Lanes], cdgh_before[Lanes];
  for (std::size_t lane = 0; lane < Lanes; ++lane) {
    abef_before[lane] = abef[lane];
    cdgh_before[lane] = cdgh[lane];
  }
  ((sha256_rounds<I>(abef, cdgh, words), interleaved(std::integral_constant<std::size_t, I>())), ...);
  for (std::size_t lane = 0; lane < Lanes; ++lane) {
    abef[lane] = _mm_add_epi32(abef[lane], abef_before[lane]);
    cdgh[lane] = _mm_add_epi32(cdgh[lane], cdgh_before[lane]);
  }
}

inline constexpr auto kNothingElse = [](std::size_t) {};

IMAKEEP_INLINE void load_words(__m128i (&words)[4], const std::byte* block) {
  for (std::size_t i = 0; i < 4; ++i) words[i] = big_endian_words(load(block + 16 * i));
}

IMAKEEP_INLINE void load_sha256(const std::uint32_t* state, __m128i& abef, __m128i& cdgh) {
  const __m128i cdab = _mm_shuffle_epi32(load(state), 0xb1);
  const __m128i efgh = _mm_shuffle_epi32(load(state + 4), 0x1b);
  abef = _mm_alignr_epi8(cdab, efgh, 8);
  cdgh = _mm_blend_epi16(efgh, cdab, 0xf0);
}

IMAKEEP_INLINE void store_sha256(std::uint32_t* state, __m128i abef, __m128i cdgh) {
  const __m128i feba = _mm_shuffle_epi32(abef, 0x1b);
  const __m128i dchg = _mm_shuffle_epi32(cdgh, 0xb1);
  store(state, _mm_blend_epi16(feba, dchg, 0xf0));
  store(state + 4, _mm_alignr_epi8(dchg, feba, 8));
}

// The first block of an extend holds the PCR and the digest; the second block is their padding.
IMAKEEP_INLINE void load_sha256_extend(__m128i (&words)[4], const std::uint32_t* pcr, const std::byte* digest) {
  words[0] = load(pcr);
  words[1] = load(pcr + 4);
  words[2] = big_endian_words(load(digest));
  words[3] = big_endian_words(load(digest + 16));
}

IMAKEEP_INLINE void sha256_padding_four_rounds(__m128i& abef, __m128i& cdgh, std::size_t i) {
  sha256_four_rounds(abef, cdgh, _mm_load_si128(reinterpret_cast<const __m128i*>(kPaddingRounds.words + 4 * i)));
}

// The rounds of the padding block. The caller still has to add the state from before the rounds.
template <std::size_t... I, class Together>
IMAKEEP_INLINE void sha256_padding(__m128i& abef, __m128i& cdgh, std::index_sequence<I...>,
                                   const Together& interleaved) {
  ((sha256_padding_four_rounds(abef, cdgh, I), interleaved(std::integral_constant<std::size_t, I>())), ...);
}

IMAKEEP_INLINE void store_sha256_digest(std::byte* digest, const std::uint32_t* state) {
  store(digest, big_endian_words(load(state)));
  store(digest + 16, big_endian_words(load(state + 4)));
}

// Rounds 4 I to 4 I + 3 of SHA-1 in every lane. `e` comes from the rounds before.
template <std::size_t I, std::size_t Lanes>
IMAKEEP_INLINE void sha1_rounds(__m128i (&abcd)[Lanes], __m128i (&e)[Lanes], __m128i (&words)[Lanes][4]) {
  for (std::size_t lane = 0; lane < Lanes; ++lane) {
    __m128i(&word)[4] = words[lane];
    if constexpr (I >= 4) {
      const __m128i sum = _mm_xor_si128(_mm_sha1msg1_epu32(word[I % 4], word[(I + 1) % 4]), word[(I + 2) % 4]);
      word[I % 4] = _mm_sha1msg2_epu32(sum, word[(I + 3) % 4]);
    }
    const __m128i input = I == 0 ? _mm_add_epi32(e[lane], word[0]) : _mm_sha1nexte_epu32(e[lane], word[I % 4]);
    e[lane] = abcd[lane];
    abcd[lane] = _mm_sha1rnds4_epu32(abcd[lane], input, I / 5);
  }
}

// In SHA-1's instructions the first word is the highest in the register.
IMAKEEP_INLINE __m128i reversed_words(__m128i bytes) {
  return _mm_shuffle_epi8(bytes, _mm_set_epi64x(0x0001020304050607, 0x08090a0b0c0d0e0f));
}

IMAKEEP_INLINE void load_reversed(__m128i (&words)[4], const std::byte* block) {
  for (std::size_t i = 0; i < 4; ++i) words[i] = reversed_words(load(block + 16 * i));
}

template <std::size_t Lanes, std::size_t... I, class Together>
IMAKEEP_INLINE void sha1_words(__m128i (&abcd)[Lanes], __m128i (&e)[Lanes], __m128i (&words)[Lanes][4],
                               std::index_sequence<I...>, const Together& interleaved) {
  __m128i abcd_before[Lanes], e_before[Lanes];
  for (std::size_t lane = 0; lane < Lanes; ++lane) {
    abcd_before[lane] = abcd[lane];
    e_before[lane] = e[lane];
  }
  ((sha1_rounds<I>(abcd, e, words), interleaved(std::integral_constant<std::size_t, I>())), ...);
  for (std::size_t lane = 0; lane < Lanes; ++lane) {
    e[lane] = _mm_sha1nexte_epu32(e[lane], e_before[lane]);
    abcd[lane] = _mm_add_epi32(abcd[lane], abcd_before[lane]);
  }
}

IMAKEEP_INLINE void load_sha1(const std::uint32_t* state, __m128i& abcd, __m128i& e) {
  abcd = _mm_shuffle_epi32(load(state), 0x1b);
  e = _mm_set_epi32(static_cast<int>(state[4]), 0, 0, 0);
}

IMAKEEP_INLINE void store_sha1(std::uint32_t* state, __m128i abcd, __m128i e) {
  store(state, _mm_shuffle_epi32(abcd, 0x1b));
  state[4] = static_cast<std::uint32_t>(_mm_extract_epi32(e, 3));
}

// The only block of an extend: the PCR, the digest, and the padding after these 40 bytes.
IMAKEEP_INLINE void load_sha1_extend(__m128i (&words)[4], __m128i abcd, __m128i e, const std::byte* digest) {
  words[0] = abcd;
  words[1] = _mm_or_si128(e, _mm_srli_si128(reversed_words(load(digest)), 4));
  const __m128i last_two = _mm_slli_si128(reversed_words(load(digest + 4)), 8);
  words[2] = _mm_or_si128(last_two, _mm_set_epi32(0, 0, static_cast<int>(0x80000000), 0));
  words[3] = _mm_set_epi32(0, 0, 0, 320);
}

IMAKEEP_INLINE void store_sha1_digest(std::byte* digest, __m128i abcd, std::uint32_t last_word) {
  store(digest, reversed_words(abcd));
  const std::uint32_t last = __builtin_bswap32(last_word);
  __builtin_memcpy(digest + 16, &last, sizeof last);
}

using Sha256Rounds = std::make_index_sequence<16>;
using Sha1Rounds = std::make_index_sequence<20>;

}  // namespace imakeep::digest::sha_ni
