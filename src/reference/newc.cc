// SPDX-License-Identifier: Apache-2.0
#include "reference/newc.h"

#include <array>

namespace imakeep::reference {
namespace {

constexpr std::size_t kMagicBytes = 6;
constexpr std::size_t kDigits = 8;
constexpr std::size_t kNumbers = 13;
constexpr std::size_t kHeaderBytes = kMagicBytes + kNumbers * kDigits;
constexpr std::size_t kMostNameBytes = 4096;
constexpr std::string_view kTrailer = "TRAILER!!!";

enum Field : std::uint8_t { kInode = 0, kMode = 1, kLinks = 4, kSize = 6, kMajor = 7, kMinor = 8, kNameSize = 11 };

unexpected<Error> at_offset(ErrorCode code, std::string message, std::size_t offset) {
  return unexpected(Error{.code = code, .message = std::move(message), .offset = offset});
}

std::size_t to_four(std::size_t size) {
  return (size + 3) / 4 * 4;
}

std::optional<std::uint32_t> hex_number(std::string_view digits) {
  std::uint32_t value = 0;
  for (const char c : digits) {
    std::uint32_t digit = 0;
    if (c >= '0' && c <= '9') {
      digit = static_cast<std::uint32_t>(c - '0');
    } else if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f') {
      digit = static_cast<std::uint32_t>((c | 0x20) - 'a' + 10);
    } else {
      return std::nullopt;
    }
    value = value << 4 | digit;
  }
  return value;
}

}  // namespace

bool NewcReader::begins_entry(ByteView bytes) {
  if (bytes.size() < kMagicBytes) return false;
  const std::string_view magic = as_text(bytes.first(kMagicBytes));
  return magic == "070701" || magic == "070702";
}

Result<std::optional<NewcEntry>> NewcReader::next() {
  for (;;) {
    while (offset_ < bytes_.size() && bytes_[offset_] == std::byte{0}) ++offset_;
    if (!begins_entry(bytes_.subspan(offset_))) return std::nullopt;
    IMAKEEP_TRY(auto found, entry());
    if (found->name != kTrailer) return found;
  }
}

Result<std::optional<NewcEntry>> NewcReader::entry() {
  const std::size_t start = offset_;
  const ByteView rest = bytes_.subspan(start);
  if (rest.size() < kHeaderBytes) return at_offset(ErrorCode::kTruncated, "ends within the head of an entry", start);
  std::array<std::uint32_t, kNumbers> numbers{};
  for (std::size_t i = 0; i < kNumbers; ++i) {
    const auto number = hex_number(as_text(rest.subspan(kMagicBytes + i * kDigits, kDigits)));
    if (!number) return at_offset(ErrorCode::kMalformed, "the head of an entry has a number that is none", start);
    numbers[i] = *number;
  }
  const std::size_t name_bytes = numbers[kNameSize];
  if (name_bytes == 0 || name_bytes > kMostNameBytes) {
    return at_offset(ErrorCode::kMalformed, "the name of an entry has " + std::to_string(name_bytes) + " bytes", start);
  }
  const std::size_t data_at = to_four(kHeaderBytes + name_bytes);
  if (rest.size() < data_at || rest.size() - data_at < numbers[kSize]) {
    return at_offset(ErrorCode::kTruncated, "ends within an entry", start);
  }
  std::string_view name = as_text(rest.subspan(kHeaderBytes, name_bytes));
  if (name.back() != '\0') return at_offset(ErrorCode::kMalformed, "the name of an entry has no end", start);
  name = name.substr(0, name.find('\0'));
  NewcEntry found{.name = name,
                  .mode = numbers[kMode],
                  .inode = numbers[kInode],
                  .links = numbers[kLinks],
                  .device = std::uint64_t{numbers[kMajor]} << 32 | numbers[kMinor],
                  .data = rest.subspan(data_at, numbers[kSize])};
  offset_ = std::min(bytes_.size(), start + to_four(data_at + numbers[kSize]));
  return found;
}

}  // namespace imakeep::reference
