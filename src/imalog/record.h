// imalog/record.h - one record of a binary IMA measurement list: decode, encode, and what of it no bank changes.
//
//   record := pcr:u32  digest:D  name_len:u32  name[name_len]  body
//   body   := data_len:u32  data[data_len]                      (any template but "ima")
//           | file_digest:20  path_len:u32  path[path_len]      ("ima"; path has no NUL)
//
// Sizes are bytes. D follows the file, not the template: 20 for binary_runtime_measurements, 32 for ..._sha256.
// u32s are host order, or little-endian under ima_canonical_fmt; nothing in the file says which.
//
// Source: ima_measurements_show() in security/integrity/ima/ima_fs.c. Versions checked: docs/formats/ima-record.md.
// Threads: no shared state; safe from any thread while the input bytes do not change.
#pragma once

#include "base/bytes.h"
#include "base/result.h"
#include "digest/pcr_state.h"

namespace imakeep::imalog {

struct RecordFormat {
  std::uint8_t digest_bytes = 20;  // D: 20, 32, 48 or 64
  ByteOrder order = ByteOrder::kLittle;
};

using digest::kPcrCount;

// Our limits, not the kernel's. A larger length is refused before anything uses it.
inline constexpr std::uint32_t kMaxNameBytes = 255;
inline constexpr std::uint32_t kMaxDataBytes = 16u << 20;
// The kernel's own: IMA_EVENT_NAME_LEN_MAX. The template digest of "ima" has no room for more.
inline constexpr std::uint32_t kMaxImaPathBytes = 255;

inline constexpr std::string_view kImaTemplate = "ima";
inline constexpr std::size_t kImaFileDigestBytes = 20;

// What a record says whatever the bank. Borrowed: each view dies with the bytes it was made from.
struct RecordContentView {
  std::uint32_t pcr = 0;           // 0..23
  std::string_view template_name;  // 1..kMaxNameBytes printable characters, not NUL-terminated
  ByteView body;                   // data, or the whole "ima" body; fields unchecked
  bool violation = false;          // shown with an all-zero digest, extended as 0xff..
};

bool operator==(const RecordContentView& a, const RecordContentView& b);

// Borrowed like RecordContentView.
struct RecordView {
  std::uint32_t pcr = 0;
  ByteView digest;  // D bytes; all zero marks a violation
  std::string_view template_name;
  ByteView body;
  std::size_t encoded_bytes = 0;  // the next record starts this far on

  RecordContentView content() const {
    return {.pcr = pcr, .template_name = template_name, .body = body, .violation = all_zero(digest)};
  }
};

// Decodes the record at the front of `in`; what follows it is ignored. Never allocates, copies or hashes, so a record
// that decodes may still carry a false digest: Replay decides that. Error::offset counts from in[0]. Errors:
//   kTruncated    a prefix of a record (or empty): retry from the same start with more
//   kMalformed    a length, the PCR or the name out of range: more bytes cannot help
//   kUnsupported  format.digest_bytes is no supported D
Result<RecordView> decode_record(ByteView in, RecordFormat format);
// The same into `record`, which says nothing after an error; returns its encoded_bytes.
Result<std::size_t> decode_record(ByteView in, RecordFormat format, RecordView& record);

// Appends the record as a file of that format shows it. `content` is as decode_record() would accept it, its body
// in the same byte order; digest.size() is D.
void encode_record(Bytes& out, const RecordContentView& content, ByteView digest, ByteOrder order = kHostOrder);

// What encode_record() appends.
std::size_t encoded_bytes(const RecordContentView& content, std::size_t digest_bytes);

}  // namespace imakeep::imalog
