// SPDX-License-Identifier: Apache-2.0
// query/digest_set.h - the digests seen so far, compared byte by byte.
//
// A host runs far fewer different files than it has records. So the set keeps whole digests: about 55 bytes for one of
// sha256, some 60 MB for a million. Threads: one thread at a time.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "base/bytes.h"

namespace imakeep::query {

enum class Sight : std::uint8_t {
  kNone,     // no digest
  kFirst,    // not seen before
  kAgain,    // seen before
  kUnknown,  // not in the set, which is full: perhaps seen before
};

class DigestSet {
 public:
  // So many take some 500 MB.
  static constexpr std::size_t kMostDigests = std::size_t{8} << 20;

  explicit DigestSet(std::size_t most = kMostDigests) : most_(most) {}

  // Adds the digest if it is not there. Digests of different types or algorithms differ.
  Sight add(std::string_view type, std::string_view algorithm, ByteView digest);

  std::size_t size() const { return count_; }
  bool full() const { return count_ >= most_; }

 private:
  void make_entry(std::string_view type, std::string_view algorithm, ByteView digest);
  ByteView entry_at(std::uint32_t offset) const;
  std::size_t slot_of(ByteView entry) const;
  void grow();

  const std::size_t most_;
  std::size_t count_ = 0;
  // Entries, each size:u8 and so many bytes: TYPE ':' ALGORITHM ':' digest, or 0x00 and the SHA-256 of a longer one.
  Bytes pool_;
  std::vector<std::uint32_t> slots_;  // 1 + offset of an entry in `pool_`, or 0; their number is a power of two
  Bytes entry_;                       // that is added
};

}  // namespace imakeep::query
