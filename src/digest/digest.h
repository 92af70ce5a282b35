// SPDX-License-Identifier: Apache-2.0
// digest/digest.h - digests as values, one-shot hashing, PCR extend, and hashing of streams.
//
// OpenSSL 3 computes the digests, except one-shot SHA-1 and SHA-256 on processors with instructions for them
// (implementation.h). One-shot functions keep a context for each thread and algorithm, so they do not allocate after
// the first call. If the library lacks an algorithm (OpenSSL can be built without SM3), available() is false. Any other
// call with that algorithm is a programming error and aborts. Source: TPM 2.0 Library, part 1, section 17.4 (PCR
// extend). Threads: the functions are safe from any thread; one thread at a time uses a Hasher.
#pragma once

#include <algorithm>
#include <array>
#include <cstring>
#include <initializer_list>
#include <memory>
#include <span>

#include "base/bytes.h"
#include "digest/algorithm.h"

namespace imakeep::digest {

// A digest of at most 64 bytes. It does not contain its algorithm; the bank tells that.
class Digest {
 public:
  Digest() = default;
  explicit Digest(std::size_t size) : size_(static_cast<std::uint8_t>(size)) {}  // zeros
  explicit Digest(ByteView bytes) : size_(static_cast<std::uint8_t>(std::min(bytes.size(), kMaxDigestBytes))) {
    std::copy_n(bytes.begin(), size_, bytes_.begin());
  }
  static Digest filled(std::size_t size, std::byte value) {
    Digest digest(size);
    std::fill_n(digest.bytes_.begin(), size, value);
    return digest;
  }

  ByteView view() const { return {bytes_.data(), size_}; }
  std::byte* data() { return bytes_.data(); }
  std::size_t size() const { return size_; }

  friend bool operator==(const Digest& a, const Digest& b) { return equal(a.view(), b.view()); }

 private:
  std::array<std::byte, kMaxDigestBytes> bytes_{};
  std::uint8_t size_ = 0;
};

bool available(Algorithm algorithm);

// H(parts[0] || parts[1] || ...)
Digest hash(Algorithm algorithm, std::initializer_list<ByteView> parts);
inline Digest hash(Algorithm algorithm, ByteView bytes) {
  return hash(algorithm, {bytes});
}

// Returns the new value of a PCR: H(pcr || digest). Both have the algorithm's size.
inline Digest extend(Algorithm algorithm, const Digest& pcr, const Digest& digest) {
  return hash(algorithm, {pcr.view(), digest.view()});
}

// Hashes input that arrives in pieces, such as a file.
class Hasher {
 public:
  explicit Hasher(Algorithm algorithm);
  ~Hasher();
  Hasher(Hasher&&) noexcept;
  Hasher& operator=(Hasher&&) noexcept;

  void update(ByteView bytes);
  Digest finish();  // afterwards the Hasher starts again, empty

 private:
  struct Context;
  std::unique_ptr<Context> context_;
};

}  // namespace imakeep::digest
