#include "digest/sha_ni.h"

// This file alone is compiled for the SHA extensions, so nothing inline of other headers may be used in it: the linker
// could take this copy of it for the whole program.
#if defined(__x86_64__)

#include <immintrin.h>

#include <utility>

namespace imakeep::digest::sha_ni {
namespace {

#define IMAKEEP_INLINE [[gnu::always_inline]] inline

alignas(16) constexpr std::uint32_t kRoundConstants[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

IMAKEEP_INLINE __m128i load(const void* from) {
  return _mm_loadu_si128(static_cast<const __m128i*>(from));
}
IMAKEEP_INLINE void store(void* to, __m128i value) {
  _mm_storeu_si128(static_cast<__m128i*>(to), value);
}

// Rounds 4 I to 4 I + 3 of SHA-256 in every lane. `words` holds the last sixteen of the message schedule.
template <std::size_t I, std::size_t Lanes>
IMAKEEP_INLINE void sha256_rounds(__m128i (&abef)[Lanes], __m128i (&cdgh)[Lanes], __m128i (&words)[Lanes][4]) {
  const __m128i constants = _mm_load_si128(reinterpret_cast<const __m128i*>(kRoundConstants + 4 * I));
  for (std::size_t lane = 0; lane < Lanes; ++lane) {
    __m128i(&word)[4] = words[lane];
    if constexpr (I >= 4) {
      const __m128i sum = _mm_add_epi32(_mm_sha256msg1_epu32(word[I % 4], word[(I + 1) % 4]),
                                        _mm_alignr_epi8(word[(I + 3) % 4], word[(I + 2) % 4], 4));
      word[I % 4] = _mm_sha256msg2_epu32(sum, word[(I + 3) % 4]);
    }
    const __m128i input = _mm_add_epi32(word[I % 4], constants);
    cdgh[lane] = _mm_sha256rnds2_epu32(cdgh[lane], abef[lane], input);
    abef[lane] = _mm_sha256rnds2_epu32(abef[lane], cdgh[lane], _mm_shuffle_epi32(input, 0x0e));
  }
}

template <std::size_t Lanes, std::size_t... I>
IMAKEEP_INLINE void sha256_blocks(__m128i (&abef)[Lanes], __m128i (&cdgh)[Lanes], const std::byte* const* blocks,
                                  std::index_sequence<I...>) {
  const __m128i big_endian = _mm_set_epi64x(0x0c0d0e0f08090a0b, 0x0405060700010203);
  __m128i words[Lanes][4];
  __m128i abef_before[Lanes], cdgh_before[Lanes];
  for (std::size_t lane = 0; lane < Lanes; ++lane) {
    for (std::size_t i = 0; i < 4; ++i) words[lane][i] = _mm_shuffle_epi8(load(blocks[lane] + 16 * i), big_endian);
    abef_before[lane] = abef[lane];
    cdgh_before[lane] = cdgh[lane];
  }
  (sha256_rounds<I>(abef, cdgh, words), ...);
  for (std::size_t lane = 0; lane < Lanes; ++lane) {
    abef[lane] = _mm_add_epi32(abef[lane], abef_before[lane]);
    cdgh[lane] = _mm_add_epi32(cdgh[lane], cdgh_before[lane]);
  }
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

template <std::size_t Lanes, std::size_t... I>
IMAKEEP_INLINE void sha1_blocks(__m128i (&abcd)[Lanes], __m128i (&e)[Lanes], const std::byte* const* blocks,
                                std::index_sequence<I...>) {
  const __m128i reversed = _mm_set_epi64x(0x0001020304050607, 0x08090a0b0c0d0e0f);
  __m128i words[Lanes][4];
  __m128i abcd_before[Lanes], e_before[Lanes];
  for (std::size_t lane = 0; lane < Lanes; ++lane) {
    for (std::size_t i = 0; i < 4; ++i) words[lane][i] = _mm_shuffle_epi8(load(blocks[lane] + 16 * i), reversed);
    abcd_before[lane] = abcd[lane];
    e_before[lane] = e[lane];
  }
  (sha1_rounds<I>(abcd, e, words), ...);
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

using Sha256Rounds = std::make_index_sequence<16>;
using Sha1Rounds = std::make_index_sequence<20>;

template <std::size_t Lanes>
IMAKEEP_INLINE void sha256_each(std::uint32_t (*states)[8], const std::byte* const* blocks) {
  __m128i abef[Lanes], cdgh[Lanes];
  for (std::size_t lane = 0; lane < Lanes; ++lane) load_sha256(states[lane], abef[lane], cdgh[lane]);
  sha256_blocks(abef, cdgh, blocks, Sha256Rounds());
  for (std::size_t lane = 0; lane < Lanes; ++lane) store_sha256(states[lane], abef[lane], cdgh[lane]);
}

}  // namespace

void sha1(std::uint32_t* state, const std::byte* blocks, std::size_t count) {
  __m128i abcd[1], e[1];
  load_sha1(state, abcd[0], e[0]);
  for (; count > 0; --count, blocks += 64) sha1_blocks(abcd, e, &blocks, Sha1Rounds());
  store_sha1(state, abcd[0], e[0]);
}

void sha256(std::uint32_t* state, const std::byte* blocks, std::size_t count) {
  __m128i abef[1], cdgh[1];
  load_sha256(state, abef[0], cdgh[0]);
  for (; count > 0; --count, blocks += 64) sha256_blocks(abef, cdgh, &blocks, Sha256Rounds());
  store_sha256(state, abef[0], cdgh[0]);
}

void sha1_lanes(std::uint32_t (*states)[8], const std::byte* const* blocks) {
  __m128i abcd[kLanes], e[kLanes];
  for (std::size_t lane = 0; lane < kLanes; ++lane) load_sha1(states[lane], abcd[lane], e[lane]);
  sha1_blocks(abcd, e, blocks, Sha1Rounds());
  for (std::size_t lane = 0; lane < kLanes; ++lane) store_sha1(states[lane], abcd[lane], e[lane]);
}

void sha256_pair(std::uint32_t (*states)[8], const std::byte* const* blocks) {
  sha256_each<2>(states, blocks);
}

void sha256_lanes(std::uint32_t (*states)[8], const std::byte* const* blocks) {
  sha256_each<kLanes>(states, blocks);
}

}  // namespace imakeep::digest::sha_ni

#else  // no x86

namespace imakeep::digest::sha_ni {

void sha1(std::uint32_t*, const std::byte*, std::size_t) {}
void sha256(std::uint32_t*, const std::byte*, std::size_t) {}
void sha256_pair(std::uint32_t (*)[8], const std::byte* const*) {}
void sha1_lanes(std::uint32_t (*)[8], const std::byte* const*) {}
void sha256_lanes(std::uint32_t (*)[8], const std::byte* const*) {}

}  // namespace imakeep::digest::sha_ni

#endif
