// SPDX-License-Identifier: Apache-2.0
// fuzz/key_file_input.h - the input of the fuzz targets for signatures: a u16 in little-endian order, a key file of
// that many bytes, and the signature. Threads: no shared state.
#pragma once

#include <optional>

#include "base/bytes.h"

namespace imakeep::fuzz {

struct KeyFileInput {
  ByteView key_file;
  ByteView signature;
};

// Empty if the input is too short. Borrows `data`.
inline std::optional<KeyFileInput> split_key_file(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return std::nullopt;
  const ByteView input(reinterpret_cast<const std::byte*>(data), size);
  const std::size_t key_bytes = load<std::uint16_t>(input.data(), ByteOrder::kLittle);
  if (key_bytes > size - 2) return std::nullopt;
  return KeyFileInput{.key_file = input.subspan(2, key_bytes), .signature = input.subspan(2 + key_bytes)};
}

}  // namespace imakeep::fuzz
