// SPDX-License-Identifier: Apache-2.0
#include "imalog/list_kind.h"

#include <algorithm>
#include <array>

#include "base/text.h"

namespace imakeep::imalog {
namespace {

using namespace std::string_view_literals;

constexpr char kCel[] = "a Canonical Event Log";

struct Magic {
  std::string_view bytes;
  const char* kind;
};

// No PCR index begins with one of these.
constexpr std::array<Magic, 9> kMagics = {{
    {"\x7f"
     "ELF"sv,
     "an ELF program or library; give binary_runtime_measurements"},
    {"\x1f\x8b"sv, "gzip; decompress it first"},
    {"\x28\xb5\x2f\xfd"sv, "zstd; decompress it first"},
    {"\xfd"
     "7zXZ\0"sv,
     "xz; decompress it first"},
    {"BZh"sv, "bzip2; decompress it first"},
    {"PK\x03\x04"sv, "a ZIP archive; unpack it first"},
    {"-----BEGIN "sv, "PEM: a key, a certificate or a signature; give binary_runtime_measurements"},
    {"\xff"
     "TCG"sv,
     "a TPM's statement; give it with --quote"},
    {"\xef\xbb\xbf"sv, "text; give binary_runtime_measurements"},
}};

std::uint8_t byte_at(std::string_view text, std::size_t at) {
  return static_cast<std::uint8_t>(text[at]);
}

// PRAGMA application_id is at byte 68 of an SQLite file (https://sqlite.org/fileformat2.html, section 1.3).
std::optional<std::string> sqlite_kind(std::string_view front) {
  if (!front.starts_with("SQLite format 3\0"sv)) return std::nullopt;
  if (front.size() >= 72 && front.substr(68, 4) == "imkp") return "an imakeep archive; give it with --archive";
  return "an SQLite database; give binary_runtime_measurements";
}

std::string_view without_digits(std::string_view text) {
  return text.substr(std::min(text.find_first_not_of("0123456789"), text.size()));
}

// Recognizes a line of the ASCII list: PCR, digest in hexadecimal, template, data. ima_ascii_measurements_show() in
// Linux.
bool is_ascii_list(std::string_view front) {
  const std::string_view line = trimmed(split(front, "\n").front());
  const std::string_view rest = without_digits(line);
  const std::size_t pcr_digits = line.size() - rest.size();
  if (pcr_digits < 1 || pcr_digits > 2 || !rest.starts_with(' ')) return false;
  const std::string_view digest = rest.substr(1, rest.find(' ', 1) - 1);
  return digest.size() >= 40 && digest.find_first_not_of("0123456789abcdefABCDEF") == std::string_view::npos;
}

std::optional<std::string> json_kind(std::string_view front) {
  const std::string_view text = trimmed(front);
  if (text.empty() || (text.front() != '{' && text.front() != '[')) return std::nullopt;
  const std::string_view inner = trimmed(text.substr(1));
  if (!inner.empty() && "\"{[]}"sv.find(inner.front()) == std::string_view::npos) return std::nullopt;
  if (front.find("\"recnum\"") != std::string_view::npos) return std::string(kCel) + " (JSON)";
  return "JSON";
}

// {0: recnum:u32 or u64} {1: pcr or 2: NV index} ...
bool is_cel_tlv(std::string_view front) {
  constexpr std::size_t kHead = 5;  // t:u8 length:u32
  if (front.size() < kHead || !front.starts_with("\0\0\0\0"sv)) return false;
  const std::size_t recnum_bytes = byte_at(front, 4);
  if (recnum_bytes != 4 && recnum_bytes != 8) return false;
  const std::size_t next = kHead + recnum_bytes;
  if (front.size() < next + kHead) return false;
  const std::uint8_t type = byte_at(front, next);
  const std::uint8_t length = byte_at(front, next + 4);
  return (type == 1 || type == 2) && front.substr(next + 1, 3) == "\0\0\0"sv && (length == 1 || length == 4);
}

// A map that begins with recnum and pcr (or an NV index), possibly within an array: RFC 8949, section 3.
bool is_cel_cbor(std::string_view front) {
  const auto skip_head = [&front] {
    const std::uint8_t low = byte_at(front, 0) & 0x1f;
    const std::size_t bytes = low < 24 || low == 31 ? 1 : 1 + (std::size_t{1} << std::min(low - 24, 3));
    front.remove_prefix(std::min(bytes, front.size()));
  };
  const auto major = [&front] { return front.empty() ? 0xff : byte_at(front, 0) >> 5; };
  if (major() == 4) skip_head();
  if (major() != 5) return false;
  skip_head();
  if (!front.starts_with("\0"sv)) return false;  // 0: recnum
  front.remove_prefix(1);
  if (major() != 0) return false;
  skip_head();
  return front.starts_with("\x01"sv) || front.starts_with("\x02"sv);
}

// A TCG_PCR_EVENT of EV_NO_ACTION, whose event is at byte 32. TCG PC Client Platform Firmware Profile, section
// 10.4.5.1.
bool is_firmware_log(std::string_view front) {
  return front.size() >= 48 && front.substr(32, 15) == "Spec ID Event03";
}

bool is_text(std::string_view front) {
  front = front.substr(0, 64);
  return front.size() >= 16 && std::all_of(front.begin(), front.end(), [](char c) {
           return (c >= ' ' && c < 0x7f) || c == '\n' || c == '\t' || c == '\r';
         });
}

}  // namespace

std::optional<std::string> other_kind(ByteView bytes) {
  constexpr std::size_t kEnough = 4096;
  const std::string_view front = as_text(bytes.first(std::min(bytes.size(), kEnough)));
  if (front.empty()) return std::nullopt;
  const std::string instead = "; give binary_runtime_measurements";
  if (is_ascii_list(front)) return "an ASCII list; give the binary one: binary_runtime_measurements";
  if (auto sqlite = sqlite_kind(front)) return sqlite;
  if (auto json = json_kind(front)) return *json + instead;
  if (is_cel_tlv(front)) return std::string(kCel) + " (TLV)" + instead;
  if (is_cel_cbor(front)) return std::string(kCel) + " (CBOR)" + instead;
  if (is_firmware_log(front)) return "a firmware's event log (binary_bios_measurements)" + instead;
  for (const Magic& magic : kMagics) {
    if (front.starts_with(magic.bytes)) return magic.kind;
  }
  if (is_text(front)) return "text" + instead;
  return std::nullopt;
}

Result<void> check_kind(ByteView front) {
  if (const auto kind = other_kind(front)) {
    return fail(ErrorCode::kMalformed, "not a binary measurement list but " + *kind);
  }
  return {};
}

}  // namespace imakeep::imalog
