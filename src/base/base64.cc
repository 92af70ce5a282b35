// SPDX-License-Identifier: Apache-2.0
#include "base/base64.h"

#include <array>

namespace imakeep {
namespace {

constexpr std::string_view kBase64Digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr std::string_view kBase64UrlDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
constexpr std::uint8_t kNoBase64 = 0xff;

using Base64Values = std::array<std::uint8_t, 256>;

// The value of each digit.
constexpr Base64Values values_of(std::string_view digits) {
  Base64Values values{};
  values.fill(kNoBase64);
  for (std::size_t i = 0; i < digits.size(); ++i) {
    values[static_cast<unsigned char>(digits[i])] = static_cast<std::uint8_t>(i);
  }
  return values;
}

constexpr Base64Values kBase64Values = values_of(kBase64Digits);
constexpr Base64Values kBase64UrlValues = values_of(kBase64UrlDigits);

std::string encode(ByteView bytes, std::string_view digits) {
  std::string text;
  text.reserve((bytes.size() + 2) / 3 * 4);
  std::uint32_t bits = 0;
  std::uint32_t bit_count = 0;
  for (const std::byte b : bytes) {
    bits = (bits << 8 | std::to_integer<std::uint32_t>(b)) & 0xffff;
    for (bit_count += 8; bit_count >= 6;) {
      bit_count -= 6;
      text += digits[bits >> bit_count & 63];
    }
  }
  if (bit_count > 0) text += digits[bits << (6 - bit_count) & 63];
  return text;
}

// `text` is without padding.
Result<Bytes> decode(std::string_view text, const Base64Values& values) {
  Bytes bytes;
  bytes.reserve(text.size() / 4 * 3 + 2);
  std::uint32_t bits = 0;
  std::uint32_t bit_count = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const std::uint8_t value = values[static_cast<unsigned char>(text[i])];
    if (value == kNoBase64) {
      return unexpected(Error{.code = ErrorCode::kMalformed, .message = "not a digit of base64", .offset = i});
    }
    bits = (bits << 6 | value) & 0xffff;
    bit_count += 6;
    if (bit_count >= 8) {
      bit_count -= 8;
      bytes.push_back(static_cast<std::byte>(bits >> bit_count & 0xff));
    }
  }
  if ((bits & ((1u << bit_count) - 1)) != 0) {
    return fail(ErrorCode::kMalformed, "not base64: unused bits of its last digit are set");
  }
  return bytes;
}

}  // namespace

std::string to_base64(ByteView bytes) {
  std::string text = encode(bytes, kBase64Digits);
  text.append((4 - text.size() % 4) % 4, '=');
  return text;
}

std::string to_base64url(ByteView bytes) {
  return encode(bytes, kBase64UrlDigits);
}

Result<Bytes> from_base64(std::string_view text) {
  const std::size_t padding = text.ends_with("==") ? 2 : text.ends_with('=') ? 1 : 0;
  if (text.size() % 4 != 0) return fail(ErrorCode::kMalformed, "not base64: its length is no multiple of four");
  return decode(text.substr(0, text.size() - padding), kBase64Values);
}

Result<Bytes> from_base64url(std::string_view text) {
  if (text.size() % 4 == 1) return fail(ErrorCode::kMalformed, "not base64: no bytes have so many digits");
  return decode(text, kBase64UrlValues);
}

}  // namespace imakeep
