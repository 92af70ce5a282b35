// SPDX-License-Identifier: Apache-2.0
#include "digest/sha_ni.h"

// Unlike most files, this one is compiled for the SHA extensions. It must not use inline functions of other headers:
// the linker could choose this file's copy of them for the whole program.
#if defined(__x86_64__)

#include "digest/sha_ni_rounds.h"

namespace imakeep::digest::sha_ni {

void sha1(std::uint32_t* state, const std::byte* blocks, std::size_t count) {
  __m128i abcd[1], e[1];
  load_sha1(state, abcd[0], e[0]);
  for (; count > 0; --count, blocks += 64) {
    __m128i words[1][4];
    load_reversed(words[0], blocks);
    sha1_words(abcd, e, words, Sha1Rounds(), kNothingElse);
  }
  store_sha1(state, abcd[0], e[0]);
}

void sha256(std::uint32_t* state, const std::byte* blocks, std::size_t count) {
  __m128i abef[1], cdgh[1];
  load_sha256(state, abef[0], cdgh[0]);
  for (; count > 0; --count, blocks += 64) {
    __m128i words[1][4];
    load_words(words[0], blocks);
    sha256_words(abef, cdgh, words, Sha256Rounds(), kNothingElse);
  }
  store_sha256(state, abef[0], cdgh[0]);
}

void sha1_lanes(std::uint32_t (*states)[8], const std::byte* const* blocks) {
  __m128i abcd[kLanes], e[kLanes], words[kLanes][4];
  for (std::size_t lane = 0; lane < kLanes; ++lane) {
    load_sha1(states[lane], abcd[lane], e[lane]);
    load_reversed(words[lane], blocks[lane]);
  }
  sha1_words(abcd, e, words, Sha1Rounds(), kNothingElse);
  for (std::size_t lane = 0; lane < kLanes; ++lane) store_sha1(states[lane], abcd[lane], e[lane]);
}

void sha256_lanes(std::uint32_t (*states)[8], const std::byte* const* blocks) {
  __m128i abef[kLanes], cdgh[kLanes], words[kLanes][4];
  for (std::size_t lane = 0; lane < kLanes; ++lane) {
    load_sha256(states[lane], abef[lane], cdgh[lane]);
    load_words(words[lane], blocks[lane]);
  }
  sha256_words(abef, cdgh, words, Sha256Rounds(), kNothingElse);
  for (std::size_t lane = 0; lane < kLanes; ++lane) store_sha256(states[lane], abef[lane], cdgh[lane]);
}

void sha1_extend(std::uint32_t* pcr, const std::byte* digest, std::byte* after, std::uint32_t (*states)[8],
                 const std::byte* const* blocks) {
  __m128i abcd[2], e[2], words[2][4];
  load_sha1(pcr, abcd[0], e[0]);
  load_sha1_extend(words[0], abcd[0], e[0], digest);
  load_sha1(kSha1Start, abcd[0], e[0]);
  load_sha1(states[0], abcd[1], e[1]);
  load_reversed(words[1], blocks[0]);
  sha1_words(abcd, e, words, Sha1Rounds(), kNothingElse);
  store_sha1(pcr, abcd[0], e[0]);
  store_sha1(states[0], abcd[1], e[1]);
  store_sha1_digest(after, abcd[0], pcr[4]);
}

void sha256_extend(std::uint32_t* pcr, const std::byte* digest, std::byte* after, std::uint32_t (*states)[8],
                   const std::byte* const* blocks) {
  // The block with the PCR and the digest, together with a block of the first message.
  __m128i abef[2], cdgh[2], words[2][4];
  load_sha256(kSha256Start, abef[0], cdgh[0]);
  load_sha256_extend(words[0], pcr, digest);
  load_sha256(states[0], abef[1], cdgh[1]);
  load_words(words[1], blocks[0]);
  sha256_words(abef, cdgh, words, Sha256Rounds(), kNothingElse);
  store_sha256(states[0], abef[1], cdgh[1]);
  // Their padding block, together with a block of the second message.
  __m128i other_abef[1], other_cdgh[1], other_words[1][4];
  load_sha256(states[1], other_abef[0], other_cdgh[0]);
  load_words(other_words[0], blocks[1]);
  const __m128i abef_before = abef[0], cdgh_before = cdgh[0];
  sha256_words(other_abef, other_cdgh, other_words, Sha256Rounds(),
               [&](std::size_t i) { sha256_padding_four_rounds(abef[0], cdgh[0], i); });
  store_sha256(states[1], other_abef[0], other_cdgh[0]);
  store_sha256(pcr, _mm_add_epi32(abef[0], abef_before), _mm_add_epi32(cdgh[0], cdgh_before));
  store_sha256_digest(after, pcr);
}

}  // namespace imakeep::digest::sha_ni

#else  // not x86

namespace imakeep::digest::sha_ni {

void sha1(std::uint32_t*, const std::byte*, std::size_t) {}
void sha256(std::uint32_t*, const std::byte*, std::size_t) {}
void sha1_extend(std::uint32_t*, const std::byte*, std::byte*, std::uint32_t (*)[8], const std::byte* const*) {}
void sha256_extend(std::uint32_t*, const std::byte*, std::byte*, std::uint32_t (*)[8], const std::byte* const*) {}
void sha1_lanes(std::uint32_t (*)[8], const std::byte* const*) {}
void sha256_lanes(std::uint32_t (*)[8], const std::byte* const*) {}

}  // namespace imakeep::digest::sha_ni

#endif
