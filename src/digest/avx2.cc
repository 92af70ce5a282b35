#include "digest/avx2.h"

// This file alone is compiled for AVX2, so nothing inline of other headers may be used in it: the linker could take
// this copy of it for the whole program.
#if defined(__x86_64__)

#include <immintrin.h>

namespace imakeep::digest::avx2 {
namespace {

// A word of each lane.
using Words = __m256i;

constexpr std::uint64_t kRoundConstants[80] = {
    0x428a2f98d728ae22, 0x7137449123ef65cd, 0xb5c0fbcfec4d3b2f, 0xe9b5dba58189dbbc, 0x3956c25bf348b538,
    0x59f111f1b605d019, 0x923f82a4af194f9b, 0xab1c5ed5da6d8118, 0xd807aa98a3030242, 0x12835b0145706fbe,
    0x243185be4ee4b28c, 0x550c7dc3d5ffb4e2, 0x72be5d74f27b896f, 0x80deb1fe3b1696b1, 0x9bdc06a725c71235,
    0xc19bf174cf692694, 0xe49b69c19ef14ad2, 0xefbe4786384f25e3, 0x0fc19dc68b8cd5b5, 0x240ca1cc77ac9c65,
    0x2de92c6f592b0275, 0x4a7484aa6ea6e483, 0x5cb0a9dcbd41fbd4, 0x76f988da831153b5, 0x983e5152ee66dfab,
    0xa831c66d2db43210, 0xb00327c898fb213f, 0xbf597fc7beef0ee4, 0xc6e00bf33da88fc2, 0xd5a79147930aa725,
    0x06ca6351e003826f, 0x142929670a0e6e70, 0x27b70a8546d22ffc, 0x2e1b21385c26c926, 0x4d2c6dfc5ac42aed,
    0x53380d139d95b3df, 0x650a73548baf63de, 0x766a0abb3c77b2a8, 0x81c2c92e47edaee6, 0x92722c851482353b,
    0xa2bfe8a14cf10364, 0xa81a664bbc423001, 0xc24b8b70d0f89791, 0xc76c51a30654be30, 0xd192e819d6ef5218,
    0xd69906245565a910, 0xf40e35855771202a, 0x106aa07032bbd1b8, 0x19a4c116b8d2d0c8, 0x1e376c085141ab53,
    0x2748774cdf8eeb99, 0x34b0bcb5e19b48a8, 0x391c0cb3c5c95a63, 0x4ed8aa4ae3418acb, 0x5b9cca4f7763e373,
    0x682e6ff3d6b2b8a3, 0x748f82ee5defb2fc, 0x78a5636f43172f60, 0x84c87814a1f0ab72, 0x8cc702081a6439ec,
    0x90befffa23631e28, 0xa4506cebde82bde9, 0xbef9a3f7b2c67915, 0xc67178f2e372532b, 0xca273eceea26619c,
    0xd186b8c721c0c207, 0xeada7dd6cde0eb1e, 0xf57d4f7fee6ed178, 0x06f067aa72176fba, 0x0a637dc5a2c898a6,
    0x113f9804bef90dae, 0x1b710b35131c471b, 0x28db77f523047d84, 0x32caab7b40c72493, 0x3c9ebe0a15c9bebc,
    0x431d67c49c100d4c, 0x4cc5d4becb3e42b6, 0x597f299cfc657e2a, 0x5fcb6fab3ad6faec, 0x6c44198c4a475817};

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

// Words 4 part to 4 part + 3 of each lane's block.
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
      // The names a to h move on by one each round.
      Words &a = s[(8 - i) % 8], &b = s[(9 - i) % 8], &c = s[(10 - i) % 8], &d = s[(11 - i) % 8];
      Words &e = s[(12 - i) % 8], &f = s[(13 - i) % 8], &g = s[(14 - i) % 8], &h = s[(15 - i) % 8];
      const Words constant = _mm256_set1_epi64x(static_cast<long long>(kRoundConstants[round]));
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

#else  // no x86

namespace imakeep::digest::avx2 {

void sha512_lanes(std::uint64_t (*)[8], const std::byte* const*) {}

}  // namespace imakeep::digest::avx2

#endif
