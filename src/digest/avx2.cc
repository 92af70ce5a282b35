// SPDX-License-Identifier: Apache-2.0
#include "digest/avx2.h"

// Unlike most files, this one is compiled for AVX2. It must not use inline functions of other headers: the linker could
// choose this file's copy of them for the whole program.
#if defined(__x86_64__)

#include <immintrin.h>

#include "digest/round_constants.h"

namespace imakeep::digest::avx2 {
namespace {

// One word of each lane.
using Words = __m256i;

template <int Bits>
[[gnu::always_inline]] inline Words rotated(Words words) {
  return _mm256_or_si256(_mm256_srli_epi64(words, Bits), _mm256_slli_epi64(words, 64 - Bits));
}

[[gnu::always_inline]] inline Words sum(Words a, Words b) {
  return _mm256_add_epi64(a, b);
}

[[gnu::always_inline]] inline Words parity(Words a, Words b, Words c) {
  return _mm256_xor_si256(_mm256_xor_si256(a, b), c);
}

// Loads words 4 part to 4 part + 3 of each lane's block.
[[gnu::always_inline]] inline void load_words(Words* words, const std::byte* const* blocks, std::size_t part) {
  const __m256i big_endian =
      _mm256_set_epi64x(0x08090a0b0c0d0e0f, 0x0001020304050607, 0x08090a0b0c0d0e0f, 0x0001020304050607);
  __m256i rows[kLanes];
  for (std::size_t lane = 0; lane < kLanes; ++lane) {
    const auto* const at = reinterpret_cast<const __m256i*>(blocks[lane] + 32 * part);
    rows[lane] = _mm256_shuffle_epi8(_mm256_loadu_si256(at), big_endian);
  }
  const __m256i even01 = _mm256_unpacklo_epi64(rows[0], rows[1]), odd01 = _mm256_unpackhi_epi64(rows[0], rows[1]);
  const __m256i even23 = _mm256_unpacklo_epi64(rows[2], rows[3]), odd23 = _mm256_unpackhi_epi64(rows[2], rows[3]);
  words[0] = _mm256_permute2x128_si256(even01, even23, 0x20);
  words[1] = _mm256_permute2x128_si256(odd01, odd23, 0x20);
  words[2] = _mm256_permute2x128_si256(even01, even23, 0x31);
  words[3] = _mm256_permute2x128_si256(odd01, odd23, 0x31);
}

[[gnu::always_inline]] inline Words scheduled(const Words* schedule, std::size_t round) {
  const Words w2 = schedule[(round - 2) % 16], w15 = schedule[(round - 15) % 16];
  const Words sigma1 = parity(rotated<19>(w2), rotated<61>(w2), _mm256_srli_epi64(w2, 6));
  const Words sigma0 = parity(rotated<1>(w15), rotated<8>(w15), _mm256_srli_epi64(w15, 7));
  return sum(sum(sigma1, schedule[(round - 7) % 16]), sum(sigma0, schedule[round % 16]));
}

}  // namespace

void sha512_lanes(std::uint64_t (*states)[8], const std::byte* const* blocks) {
  Words schedule[16];
  for (std::size_t part = 0; part < 4; ++part) load_words(schedule + 4 * part, blocks, part);
  Words before[8], s[8];
  for (std::size_t i = 0; i < 8; ++i) {
    before[i] = s[i] = _mm256_set_epi64x(static_cast<long long>(states[3][i]), static_cast<long long>(states[2][i]),
                                         static_cast<long long>(states[1][i]), static_cast<long long>(states[0][i]));
  }
  for (std::size_t base = 0; base < 80; base += 8) {
    for (std::size_t i = 0; i < 8; ++i) {
      const std::size_t round = base + i;
      if (round >= 16) schedule[round % 16] = scheduled(schedule, round);
      // The names a to h shift by one in each round.
      Words &a = s[(8 - i) % 8], &b = s[(9 - i) % 8], &c = s[(10 - i) % 8], &d = s[(11 - i) % 8];
      Words &e = s[(12 - i) % 8], &f = s[(13 - i) % 8], &g = s[(14 - i) % 8], &h = s[(15 - i) % 8];
      const Words constant = _mm256_set1_epi64x(static_cast<long long>(kSha512Rounds[round]));
      const Words choice = _mm256_xor_si256(g, _mm256_and_si256(e, _mm256_xor_si256(f, g)));
      const Words majority = _mm256_or_si256(_mm256_and_si256(a, b), _mm256_and_si256(c, _mm256_or_si256(a, b)));
      const Words t1 = sum(sum(sum(h, parity(rotated<14>(e), rotated<18>(e), rotated<41>(e))), choice),
                           sum(constant, schedule[round % 16]));
      d = sum(d, t1);
      h = sum(sum(t1, parity(rotated<28>(a), rotated<34>(a), rotated<39>(a))), majority);
    }
  }
  alignas(32) std::uint64_t after[8][kLanes];
  for (std::size_t i = 0; i < 8; ++i) {
    _mm256_store_si256(reinterpret_cast<__m256i*>(after[i]), sum(s[i], before[i]));
    for (std::size_t lane = 0; lane < kLanes; ++lane) states[lane][i] = after[i][lane];
  }
}

}  // namespace imakeep::digest::avx2

#else  // not x86

namespace imakeep::digest::avx2 {

void sha512_lanes(std::uint64_t (*)[8], const std::byte* const*) {}

}  // namespace imakeep::digest::avx2

#endif
