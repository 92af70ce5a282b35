// SPDX-License-Identifier: Apache-2.0
// policy/blob_layout.h - where what stands in the blob of a compiled policy. Internal to src/policy.
//
//   0  magic[8]   8  version u32   12  mode u32   16  total bytes u64   24  source[32]   56  checksum[32]
//   88 counts: directories, names, links, digests, groups, 3 x 0: u32 each
//   120 sections: offset u64, bytes u64 each, in the order of Section, without gaps but padding to 8 bytes
//
// The checksum is SHA-256 over all bytes but its own. Threads: constants only.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace imakeep::policy::layout {

inline constexpr std::string_view kMagic = "IMKPOL\r\n";
inline constexpr std::uint32_t kVersion = 1;

enum class Section : std::uint8_t {
  kGroups,          // 32 bytes each: digest_bytes, first_id, count, bucket_bits, first_bucket, 0: u32; offset: u64
  kDigestBuckets,   // u32: for each group 2^bucket_bits + 1 positions in it
  kDigests,         // bytes
  kDirectories,     // u32: directories + 1 offsets of texts
  kDirectoryText,   // bytes
  kNameBuckets,     // u32: 2^bits + 1 ids of names; the bucket of a name is the first bits of name_hash()
  kNames,           // (names + 1) x 4 u32: low half of name_hash(), directory + map * 2^30, offset of text, first link
  kNameText,        // bytes
  kLinks,           // u32: id of a digest
  kLinkRules,       // u8 for each link, or nothing if each is 0
  kBacklinkFirsts,  // u32: digests + 1 positions
  kBacklinks,       // u32: id of a name
  kAnyPath,         // u32: ids of digests, ascending
  kPackages,        // u32 for each digest: index of its package + 1, or 0; nothing if there are no packages
  kRules,           // bytes of encode_rules()
};
inline constexpr std::size_t kSectionCount = 15;

inline constexpr std::size_t kVersionAt = 8;
inline constexpr std::size_t kModeAt = 12;
inline constexpr std::size_t kTotalAt = 16;
inline constexpr std::size_t kSourceAt = 24;
inline constexpr std::size_t kChecksumAt = 56;
inline constexpr std::size_t kHashBytes = 32;
inline constexpr std::size_t kCountsAt = 88;
inline constexpr std::size_t kCountCount = 8;
inline constexpr std::size_t kSectionsAt = 120;
inline constexpr std::size_t kHeaderBytes = kSectionsAt + 16 * kSectionCount;
inline constexpr std::size_t kGroupBytes = 32;
inline constexpr std::size_t kNameFields = 4;

inline constexpr std::uint32_t kMapShift = 30;
inline constexpr std::uint32_t kDirectoryMask = (std::uint32_t{1} << kMapShift) - 1;

// Two to four names or digests are in one bucket.
constexpr std::uint32_t bucket_bits_for(std::size_t count) {
  std::uint32_t bits = 0;
  while (bits < 28 && (std::size_t{4} << bits) < count) ++bits;
  return bits;
}

constexpr std::uint64_t bucket_of(std::uint64_t key, std::uint32_t bits) {
  return bits == 0 ? 0 : key >> (64 - bits);
}

constexpr std::size_t padded(std::size_t bytes) {
  return (bytes + 7) / 8 * 8;
}

}  // namespace imakeep::policy::layout
