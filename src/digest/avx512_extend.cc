// SPDX-License-Identifier: Apache-2.0
#include "digest/avx512_extend.h"

// Unlike most files, this one is compiled for AVX-512 and the SHA extensions. It must not use inline functions of other
// headers: the linker could choose this file's copy of them for the whole program.
#if defined(__x86_64__)

#include "digest/sha_ni.h"
#include "digest/sha_ni_rounds.h"

namespace imakeep::digest::avx512 {
namespace {

// The rounds are in assembly, because no compiler can be limited to registers 16 to 31. While an upper part of
// registers 0 to 15 is in use, an instruction of the SHA extensions takes a hundred times as long. Between rounds the
// words stay in memory. That makes a round wait longer for the one before, but the extend leaves time for it.
#define IMAKEEP_ROUND_REGISTERS "xmm16", "xmm17", "xmm18", "xmm19", "xmm20", "xmm21"

// Round `Round` of SHA-256 in every lane.
template <std::size_t Round>
IMAKEEP_INLINE void sha256_round(Work& work) {
  auto& s = work.states;
  auto& words = work.words;
  if constexpr (Round >= 16) {
    asm("vprord $17, %[w2], %%zmm16\n\t"
        "vprord $19, %[w2], %%zmm17\n\t"
        "vpsrld $10, %[w2], %%zmm18\n\t"
        "vpternlogd $0x96, %%zmm18, %%zmm17, %%zmm16\n\t"  // sigma1
        "vprord $7, %[w15], %%zmm19\n\t"
        "vprord $18, %[w15], %%zmm20\n\t"
        "vpsrld $3, %[w15], %%zmm21\n\t"
        "vpternlogd $0x96, %%zmm21, %%zmm20, %%zmm19\n\t"  // sigma0
        "vpaddd %[w7], %%zmm16, %%zmm16\n\t"
        "vpaddd %[w], %%zmm19, %%zmm19\n\t"
        "vpaddd %%zmm19, %%zmm16, %%zmm16\n\t"
        "vmovdqa64 %%zmm16, %[w]"
        : [w] "+m"(words[Round % 16])
        : [w2] "m"(words[(Round - 2) % 16]), [w7] "m"(words[(Round - 7) % 16]), [w15] "m"(words[(Round - 15) % 16])
        : IMAKEEP_ROUND_REGISTERS);
  }
  // The names a to h shift by one in each round.
  constexpr std::size_t kA = (64 - Round) % 8;
  asm("vmovdqa64 %[h], %%zmm18\n\t"
      "vpaddd %[w], %%zmm18, %%zmm18\n\t"
      "vpaddd %[constant]%{1to16%}, %%zmm18, %%zmm18\n\t"
      "vmovdqa64 %[e], %%zmm16\n\t"
      "vprord $6, %%zmm16, %%zmm19\n\t"
      "vprord $11, %%zmm16, %%zmm20\n\t"
      "vprord $25, %%zmm16, %%zmm21\n\t"
      "vpternlogd $0x96, %%zmm21, %%zmm20, %%zmm19\n\t"  // sum1
      "vpaddd %%zmm19, %%zmm18, %%zmm18\n\t"
      "vmovdqa64 %[f], %%zmm20\n\t"
      "vpternlogd $0xca, %[g], %%zmm20, %%zmm16\n\t"  // choice
      "vpaddd %%zmm16, %%zmm18, %%zmm18\n\t"
      "vpaddd %[d], %%zmm18, %%zmm16\n\t"
      "vmovdqa64 %%zmm16, %[d]\n\t"
      "vmovdqa64 %[a], %%zmm17\n\t"
      "vprord $2, %%zmm17, %%zmm19\n\t"
      "vprord $13, %%zmm17, %%zmm20\n\t"
      "vprord $22, %%zmm17, %%zmm21\n\t"
      "vpternlogd $0x96, %%zmm21, %%zmm20, %%zmm19\n\t"  // sum0
      "vmovdqa64 %[b], %%zmm20\n\t"
      "vpternlogd $0xe8, %[c], %%zmm20, %%zmm17\n\t"  // majority
      "vpaddd %%zmm17, %%zmm19, %%zmm19\n\t"
      "vpaddd %%zmm19, %%zmm18, %%zmm18\n\t"
      "vmovdqa64 %%zmm18, %[h]"
      : [d] "+m"(s[(kA + 3) % 8]), [h] "+m"(s[(kA + 7) % 8])
      : [a] "m"(s[kA]), [b] "m"(s[(kA + 1) % 8]), [c] "m"(s[(kA + 2) % 8]), [e] "m"(s[(kA + 4) % 8]),
        [f] "m"(s[(kA + 5) % 8]), [g] "m"(s[(kA + 6) % 8]), [w] "m"(words[Round % 16]),
        [constant] "m"(kSha256Rounds[Round])
      : IMAKEEP_ROUND_REGISTERS);
}

template <std::size_t Round>
IMAKEEP_INLINE void sha1_round(Work& work) {
  auto& s = work.states;
  auto& words = work.words;
  if constexpr (Round >= 16) {
    asm("vmovdqa64 %[w3], %%zmm16\n\t"
        "vmovdqa64 %[w8], %%zmm17\n\t"
        "vpternlogd $0x96, %[w14], %%zmm17, %%zmm16\n\t"
        "vpxord %[w], %%zmm16, %%zmm16\n\t"
        "vprold $1, %%zmm16, %%zmm16\n\t"
        "vmovdqa64 %%zmm16, %[w]"
        : [w] "+m"(words[Round % 16])
        : [w3] "m"(words[(Round - 3) % 16]), [w8] "m"(words[(Round - 8) % 16]), [w14] "m"(words[(Round - 14) % 16])
        : IMAKEEP_ROUND_REGISTERS);
  }
  constexpr std::size_t kA = (80 - Round) % 5;
  constexpr int kParity = 0x96, kChoice = 0xca, kMajority = 0xe8;
  constexpr int kMixed = Round < 20 ? kChoice : Round >= 40 && Round < 60 ? kMajority : kParity;
  asm("vprold $5, %[a], %%zmm18\n\t"
      "vpaddd %[e], %%zmm18, %%zmm18\n\t"
      "vpaddd %[constant]%{1to16%}, %%zmm18, %%zmm18\n\t"
      "vpaddd %[w], %%zmm18, %%zmm18\n\t"
      "vmovdqa64 %[b], %%zmm16\n\t"
      "vprold $30, %%zmm16, %%zmm19\n\t"
      "vmovdqa64 %%zmm19, %[b]\n\t"
      "vmovdqa64 %[c], %%zmm17\n\t"
      "vpternlogd %[mixed], %[d], %%zmm17, %%zmm16\n\t"
      "vpaddd %%zmm16, %%zmm18, %%zmm18\n\t"
      "vmovdqa64 %%zmm18, %[e]"
      : [b] "+m"(s[(kA + 1) % 5]), [e] "+m"(s[(kA + 4) % 5])
      : [a] "m"(s[kA]), [c] "m"(s[(kA + 2) % 5]), [d] "m"(s[(kA + 3) % 5]), [w] "m"(words[Round % 16]),
        [constant] "m"(kSha1Rounds[Round / 20]), [mixed] "i"(kMixed)
      : IMAKEEP_ROUND_REGISTERS);
}

// Distributes the rounds of a part over an extend that consists of `Groups` groups; called after group `Group`. Part
// kParts has no rounds.
template <std::size_t Rounds, std::size_t Part, std::size_t Groups, std::size_t Group, class Round>
IMAKEEP_INLINE void rounds_together(const Round& round) {
  constexpr std::size_t kRounds = Rounds / kParts;
  static_assert(Rounds % kParts == 0 && Groups % kRounds == 0);
  if constexpr (Part < kParts && Group % (Groups / kRounds) == 0) {
    round(std::integral_constant<std::size_t, Part * kRounds + Group / (Groups / kRounds)>());
  }
}

template <std::size_t Part>
void sha1_extend_together(std::uint32_t* pcr, const std::byte* digest, std::byte* after, Work& work) {
  using namespace sha_ni;
  __m128i abcd[1], e[1], words[1][4];
  load_sha1(pcr, abcd[0], e[0]);
  load_sha1_extend(words[0], abcd[0], e[0], digest);
  load_sha1(kSha1Start, abcd[0], e[0]);
  sha1_words(
      abcd, e, words, Sha1Rounds(), [&](auto group) __attribute__((always_inline)) {
        rounds_together<80, Part, 20, group()>([&](auto round)
                                                   __attribute__((always_inline)) { sha1_round<round()>(work); });
      });
  store_sha1(pcr, abcd[0], e[0]);
  store_sha1_digest(after, abcd[0], pcr[4]);
}

template <std::size_t Part>
void sha256_extend_together(std::uint32_t* pcr, const std::byte* digest, std::byte* after, Work& work) {
  using namespace sha_ni;
  const auto interleaved = [&](auto group) __attribute__((always_inline)) {
    rounds_together<64, Part, 32, group()>([&](auto round)
                                               __attribute__((always_inline)) { sha256_round<round()>(work); });
  };
  __m128i abef[1], cdgh[1], words[1][4];
  load_sha256(kSha256Start, abef[0], cdgh[0]);
  load_sha256_extend(words[0], pcr, digest);
  sha256_words(abef, cdgh, words, Sha256Rounds(), interleaved);
  const __m128i abef_before = abef[0], cdgh_before = cdgh[0];
  sha256_padding(
      abef[0], cdgh[0], Sha256Rounds(), [&](auto group) __attribute__((always_inline)) {
        interleaved(std::integral_constant<std::size_t, 16 + group()>());
      });
  store_sha256(pcr, _mm_add_epi32(abef[0], abef_before), _mm_add_epi32(cdgh[0], cdgh_before));
  store_sha256_digest(after, pcr);
}

using Extend = void(std::uint32_t*, const std::byte*, std::byte*, Work&);

template <std::size_t... Part>
IMAKEEP_INLINE Extend* sha1_extend_of(std::size_t part, std::index_sequence<Part...>) {
  static constexpr Extend* kExtends[] = {sha1_extend_together<Part>...};
  return kExtends[part];
}
template <std::size_t... Part>
IMAKEEP_INLINE Extend* sha256_extend_of(std::size_t part, std::index_sequence<Part...>) {
  static constexpr Extend* kExtends[] = {sha256_extend_together<Part>...};
  return kExtends[part];
}

using PartsAndNothing = std::make_index_sequence<kParts + 1>;

}  // namespace

void sha1_extend(std::uint32_t* pcr, const std::byte* digest, std::byte* after, Work& work, std::size_t part) {
  sha1_extend_of(part, PartsAndNothing())(pcr, digest, after, work);
}

void sha256_extend(std::uint32_t* pcr, const std::byte* digest, std::byte* after, Work& work, std::size_t part) {
  sha256_extend_of(part, PartsAndNothing())(pcr, digest, after, work);
}

}  // namespace imakeep::digest::avx512

#else  // not x86

namespace imakeep::digest::avx512 {

void sha1_extend(std::uint32_t*, const std::byte*, std::byte*, Work&, std::size_t) {}
void sha256_extend(std::uint32_t*, const std::byte*, std::byte*, Work&, std::size_t) {}

}  // namespace imakeep::digest::avx512

#endif
