// SPDX-License-Identifier: Apache-2.0
// digest/block_hash.h - the SHA family on top of its compression functions: initial state, padding, digest.
//
// Source: FIPS 180-4, 5.1, 5.3, 6.2 to 6.5. Threads: no shared state.
#pragma once

#include <array>
#include <initializer_list>

#include "digest/avx2.h"
#include "digest/avx512_extend.h"
#include "digest/digest.h"
#include "digest/sha_ni.h"

namespace imakeep::digest {

// Common parts of the hashes of one word size. A state has room for eight words in every hash.
template <class W>
struct Sha {
  using Word = W;
  using State = Word[8];
  static constexpr std::size_t kBlockBytes = 16 * sizeof(Word);
  static constexpr std::size_t kLengthBytes = 2 * sizeof(Word);  // of the message's length, at the end of the padding
};

struct Sha1 : Sha<std::uint32_t> {
  static constexpr auto kStart = std::to_array(sha_ni::kSha1Start);
  static constexpr std::size_t kDigestBytes = 20;
};

struct Sha256 : Sha<std::uint32_t> {
  static constexpr auto kStart = std::to_array(sha_ni::kSha256Start);
  static constexpr std::size_t kDigestBytes = 32;
};

struct Sha384 : Sha<std::uint64_t> {
  static constexpr std::array<Word, 8> kStart = {0xcbbb9d5dc1059ed8, 0x629a292a367cd507, 0x9159015a3070dd17,
                                                 0x152fecd8f70e5939, 0x67332667ffc00b31, 0x8eb44a8768581511,
                                                 0xdb0c2e0d64f98fa7, 0x47b5481dbefa4fa4};
  static constexpr std::size_t kDigestBytes = 48;
};

struct Sha512 : Sha<std::uint64_t> {
  static constexpr std::array<Word, 8> kStart = {0x6a09e667f3bcc908, 0xbb67ae8584caa73b, 0x3c6ef372fe94f82b,
                                                 0xa54ff53a5f1d36f1, 0x510e527fade682d1, 0x9b05688c2b3e6c1f,
                                                 0x1f83d9abfb41bd6b, 0x5be0cd19137e2179};
  static constexpr std::size_t kDigestBytes = 64;
};

// How an implementation computes a hash: it processes kLanes messages at once. It stores their states message by
// message (ByMessage) or word by word (ByWord).
template <class Hash, std::size_t Lanes>
struct ByMessage : Hash {
  static constexpr std::size_t kLanes = Lanes;
  using States = typename Hash::Word[Lanes][8];
  static auto& word(auto& states, std::size_t lane, std::size_t i) { return states[lane][i]; }
};
template <class Hash, std::size_t Lanes>
struct ByWord : Hash {
  static constexpr std::size_t kLanes = Lanes;
  using States = typename Hash::Word[8][Lanes];
  static auto& word(auto& states, std::size_t lane, std::size_t i) { return states[i][lane]; }
};

struct Sha1Ni : ByMessage<Sha1, sha_ni::kLanes> {
  static constexpr std::size_t kWithExtend = 1;  // messages of which extend() processes one block each
  static constexpr auto compress = sha_ni::sha1;
  static constexpr auto compress_lanes = sha_ni::sha1_lanes;
  static constexpr auto extend = sha_ni::sha1_extend;
};
struct Sha256Ni : ByMessage<Sha256, sha_ni::kLanes> {
  static constexpr std::size_t kWithExtend = 2;
  static constexpr auto compress = sha_ni::sha256;
  static constexpr auto compress_lanes = sha_ni::sha256_lanes;
  static constexpr auto extend = sha_ni::sha256_extend;
};
template <class Hash>
struct WideAvx2 : ByMessage<Hash, avx2::kLanes> {
  static constexpr auto compress_lanes = avx2::sha512_lanes;
};
struct Sha1Avx512 : ByWord<Sha1, avx512::kLanes> {
  static constexpr auto compress_lanes = avx512::sha1_lanes;
  static constexpr auto extend = avx512::sha1_extend;
};
struct Sha256Avx512 : ByWord<Sha256, avx512::kLanes> {
  static constexpr auto compress_lanes = avx512::sha256_lanes;
  static constexpr auto extend = avx512::sha256_extend;
};
template <class Hash>
struct WideAvx512 : ByWord<Hash, avx512::kWideLanes> {
  static constexpr auto compress_lanes = avx512::sha512_lanes;
};

// The last blocks of a message: its bytes after the last whole block, a one bit, zeros, and its length in bits.
template <class Hash>
struct Padding {
  // The first block of `room` takes the unwanted front of a whole block that pad() copies.
  std::array<std::byte, 3 * Hash::kBlockBytes> room{};
  std::size_t blocks = 0;

  std::byte* bytes() { return room.data() + Hash::kBlockBytes; }
};

// `message_end` is the message or its end; it must contain all bytes after the last whole block. The cost is the same
// for all lengths, because the processor could not predict branches on them.
template <class Hash>
void pad(Padding<Hash>& padding, ByteView message_end, std::uint64_t message_bytes) {
  const std::size_t rest = message_bytes % Hash::kBlockBytes;
  std::byte* const bytes = padding.bytes();
  // Clear in small steps: for larger ones compilers emit a loop in microcode, which starts slowly.
  constexpr std::size_t kCleared = 64;
  for (std::size_t at = 0; at < 2 * Hash::kBlockBytes; at += kCleared) std::memset(bytes + at, 0, kCleared);
  if (message_end.size() >= Hash::kBlockBytes) {
    std::memcpy(bytes + rest - Hash::kBlockBytes, message_end.last(Hash::kBlockBytes).data(), Hash::kBlockBytes);
  } else if (rest > 0) {
    std::memcpy(bytes, message_end.last(rest).data(), rest);
  }
  bytes[rest] = std::byte{0x80};
  padding.blocks = rest + 1 + Hash::kLengthBytes > Hash::kBlockBytes ? 2 : 1;
  // No message is so long that the front half of the length is needed.
  store(bytes + padding.blocks * Hash::kBlockBytes - sizeof message_bytes, message_bytes * 8, ByteOrder::kBig);
}

// `word`(i) returns word i of the state.
template <class Hash>
void put_digest(const auto& word, Digest& digest) {
  digest = Digest(Hash::kDigestBytes);
  constexpr std::size_t kWordBytes = sizeof(typename Hash::Word);
  for (std::size_t at = 0; at < Hash::kDigestBytes; at += kWordBytes) {
    store(digest.data() + at, word(at / kWordBytes), ByteOrder::kBig);
  }
}

// H(parts[0] || parts[1] || ...)
template <class Hash>
Digest hash_parts(std::initializer_list<ByteView> parts) {
  typename Hash::State state;
  std::copy_n(Hash::kStart.begin(), Hash::kStart.size(), state);
  std::array<std::byte, Hash::kBlockBytes> block;
  std::size_t in_block = 0;
  std::uint64_t total = 0;
  for (ByteView part : parts) {
    total += part.size();
    while (!part.empty()) {
      if (in_block == 0 && part.size() >= block.size()) {
        const std::size_t whole = part.size() / block.size();
        Hash::compress(state, part.data(), whole);
        part = part.subspan(whole * block.size());
        continue;
      }
      const std::size_t taken = std::min(part.size(), block.size() - in_block);
      std::memcpy(block.data() + in_block, part.data(), taken);
      part = part.subspan(taken);
      in_block += taken;
      if (in_block < block.size()) continue;
      Hash::compress(state, block.data(), 1);
      in_block = 0;
    }
  }
  Padding<Hash> padding;
  pad(padding, ByteView(block).first(in_block), total);
  Hash::compress(state, padding.bytes(), padding.blocks);
  Digest digest;
  put_digest<Hash>([&](std::size_t i) { return state[i]; }, digest);
  return digest;
}

}  // namespace imakeep::digest
