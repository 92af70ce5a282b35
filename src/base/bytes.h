// SPDX-License-Identifier: Apache-2.0
// base/bytes.h - unsigned integers in a given byte order, hexadecimal, base64, and views of bytes as text.
// Threads: no shared state.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "base/result.h"

namespace imakeep {

using ByteView = std::span<const std::byte>;
using Bytes = std::vector<std::byte>;

enum class ByteOrder : std::uint8_t { kLittle, kBig };

inline constexpr ByteOrder kHostOrder =
    std::endian::native == std::endian::little ? ByteOrder::kLittle : ByteOrder::kBig;

template <class T>
constexpr T swap_bytes(T value) {
  static_assert(std::is_unsigned_v<T> && (sizeof(T) == 1 || sizeof(T) == 2 || sizeof(T) == 4 || sizeof(T) == 8));
  // Use the builtins: compilers do not always recognize a loop over the bytes, and that loop would slow down every
  // digest.
  if constexpr (sizeof(T) == 1) return value;
  if constexpr (sizeof(T) == 2) return __builtin_bswap16(value);
  if constexpr (sizeof(T) == 4) return __builtin_bswap32(value);
  if constexpr (sizeof(T) == 8) return __builtin_bswap64(value);
}

// Reads sizeof(T) bytes at `from`, which may be unaligned.
template <class T>
T load(const std::byte* from, ByteOrder order = kHostOrder) {
  T value;
  std::memcpy(&value, from, sizeof value);
  if constexpr (sizeof(T) > 1) {
    if (order != kHostOrder) value = swap_bytes(value);
  }
  return value;
}

// Writes sizeof(T) bytes at `to`, which may be unaligned.
template <class T>
void store(std::byte* to, T value, ByteOrder order = kHostOrder) {
  if constexpr (sizeof(T) > 1) {
    if (order != kHostOrder) value = swap_bytes(value);
  }
  std::memcpy(to, &value, sizeof value);
}

template <class T>
void append_int(Bytes& out, T value, ByteOrder order = kHostOrder) {
  const std::size_t at = out.size();
  out.resize(at + sizeof value);
  store(out.data() + at, value, order);
}

inline void append_bytes(Bytes& out, ByteView bytes) {
  out.insert(out.end(), bytes.begin(), bytes.end());
}

inline ByteView as_bytes(std::string_view text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

inline std::string_view as_text(ByteView bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

inline bool equal(ByteView a, ByteView b) {
  return as_text(a) == as_text(b);
}

bool all_zero(ByteView bytes);

// Lower case, two digits for each byte.
void append_hex(std::string& out, ByteView bytes);
std::string to_hex(ByteView bytes);

// Accepts either case. kMalformed for an odd number of digits or a character that is not a digit; the offset counts
// characters.
Result<Bytes> from_hex(std::string_view text);

// Decodes base64 with padding and without line breaks (RFC 4648, section 4). kMalformed for any other text, also if
// unused bits of the last digit are set. Empty text gives no bytes.
Result<Bytes> from_base64(std::string_view text);

}  // namespace imakeep
