// SPDX-License-Identifier: Apache-2.0
#include "vstore/postgres/binary.h"

namespace imakeep::vstore {
namespace {

constexpr std::uint32_t kBytea = 17;
constexpr std::uint32_t kInt8 = 20;
constexpr std::uint32_t kInt4 = 23;
constexpr std::uint32_t kText = 25;
constexpr std::uint32_t kByteaArray = 1001;
constexpr std::uint32_t kTextArray = 1009;
constexpr std::uint32_t kInt8Array = 1016;

}  // namespace

std::uint32_t type_of(char letter) {
  return letter == 'i' ? kInt8 : letter == 't' ? kText : letter == 'b' ? kBytea : 0;
}

std::uint32_t array_type_of(char letter) {
  return letter == 'i' ? kInt8Array : letter == 't' ? kTextArray : letter == 'b' ? kByteaArray : 0;
}

std::optional<Bytes> binary_of(const Param& param) {
  Bytes bytes;
  if (const auto* const number = std::get_if<std::int64_t>(&param)) {
    append_int(bytes, static_cast<std::uint64_t>(*number), ByteOrder::kBig);
  } else if (const auto* const text = std::get_if<std::string_view>(&param)) {
    append_bytes(bytes, as_bytes(*text));
  } else if (const auto* const view = std::get_if<ByteView>(&param)) {
    append_bytes(bytes, *view);
  } else {
    return std::nullopt;
  }
  return bytes;
}

Bytes binary_of_column(std::span<const Param> arguments, std::size_t width, std::size_t column, char letter) {
  const auto count = static_cast<std::uint32_t>(arguments.size() / width);
  bool has_null = false;
  for (std::size_t at = column; at < arguments.size(); at += width) {
    has_null = has_null || std::holds_alternative<std::monostate>(arguments[at]);
  }
  Bytes bytes;
  for (const std::uint32_t word : {1u, has_null ? 1u : 0u, type_of(letter), count, 1u}) {
    append_int(bytes, word, ByteOrder::kBig);
  }
  for (std::size_t at = column; at < arguments.size(); at += width) {
    const auto element = binary_of(arguments[at]);
    append_int(bytes, element ? static_cast<std::uint32_t>(element->size()) : ~std::uint32_t{0}, ByteOrder::kBig);
    if (element) append_bytes(bytes, *element);
  }
  return bytes;
}

Result<Value> value_of_binary(std::uint32_t type, ByteView bytes) {
  switch (type) {
    case kInt8:
      if (bytes.size() != 8) break;
      return static_cast<std::int64_t>(load<std::uint64_t>(bytes.data(), ByteOrder::kBig));
    case kInt4:
      if (bytes.size() != 4) break;
      return std::int64_t{static_cast<std::int32_t>(load<std::uint32_t>(bytes.data(), ByteOrder::kBig))};
    case kText:
      return std::string(as_text(bytes));
    case kBytea:
      return Bytes(bytes.begin(), bytes.end());
    default:
      break;
  }
  return fail(ErrorCode::kMalformed, "a column has the type " + std::to_string(type) + " and " +
                                         std::to_string(bytes.size()) + " bytes; restore the tables from a backup");
}

}  // namespace imakeep::vstore
