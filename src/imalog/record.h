// SPDX-License-Identifier: Apache-2.0
// imalog/record.h - one record of a binary IMA measurement list: decode, encode, and its content, equal in all banks.
//
//   record := pcr:u32  digest:D  name_len:u32  name[name_len]  body
//   body   := data_len:u32  data[data_len]                      (any template but "ima")
//           | file_digest:F  path_len:u32  path[path_len]       ("ima"; path has no NUL)
//
// Sizes are bytes. D follows the file, not the template: 20 for binary_runtime_measurements, 32 for ..._sha256. u32s
// are in host order, or little-endian under ima_canonical_fmt; nothing in the file tells which. F is 20, or 16 for
// files measured under ima_hash=md5. One list may have both: violations and the boot aggregate of a TPM keep 20.
// Nothing in the record tells which; see ima_file_digest_bytes().
//
// Source: ima_measurements_show() in security/integrity/ima/ima_fs.c, ima_eventdigest_init() in ima_template_lib.c.
// Versions checked: docs/formats/ima-record.md.
// Threads: no shared state; safe from any thread while the input bytes do not change.
#pragma once

#include "base/bytes.h"
#include "base/result.h"
#include "digest/pcr_state.h"

namespace imakeep::imalog {

struct RecordFormat {
  std::uint8_t digest_bytes = 20;  // D: 20, 32, 48 or 64
  ByteOrder order = ByteOrder::kLittle;
  bool ends = false;  // the list ends with the input: no more bytes can follow
};

using digest::kPcrCount;

// Our limits, not the kernel's. The decoder refuses a larger length before it uses it.
inline constexpr std::uint32_t kMaxNameBytes = 255;
inline constexpr std::uint32_t kMaxDataBytes = 16u << 20;
// The kernel's own limit: IMA_EVENT_NAME_LEN_MAX. The template digest of "ima" has no room for more.
inline constexpr std::uint32_t kMaxImaPathBytes = 255;

inline constexpr std::string_view kImaTemplate = "ima";
inline constexpr std::size_t kImaFileDigestBytes = 20;     // sha1, and the zeros of a violation
inline constexpr std::size_t kImaMd5FileDigestBytes = 16;  // md5

// True if decode_record() can return this body for template "ima", in either byte order.
bool is_ima_body(ByteView body);

// F of such a body: 20 or 16. Exact for every body in either byte order. If F is 16, the bytes at the place of path_len
// for F = 20 belong to the path. The path has no NUL, so these bytes are too large for a length.
std::size_t ima_file_digest_bytes(ByteView body);

// The content of a record, which is the same in every bank. Borrowed: each view is valid only as long as the bytes that
// it was made from.
struct RecordContentView {
  std::uint32_t pcr = 0;           // 0..23
  std::string_view template_name;  // 1..kMaxNameBytes printable characters, not NUL-terminated
  ByteView body;                   // data, or the whole "ima" body; fields are not checked
  bool violation = false;          // shown with an all-zero digest, extended as 0xff..
};

bool operator==(const RecordContentView& a, const RecordContentView& b);

// True if decode_record() can return this content, in either byte order.
bool acceptable(const RecordContentView& content);

// Borrowed like RecordContentView.
struct RecordView {
  std::uint32_t pcr = 0;
  ByteView digest;  // D bytes; all zero marks a violation
  std::string_view template_name;
  ByteView body;
  std::size_t encoded_bytes = 0;  // distance to the next record

  RecordContentView content() const {
    return {.pcr = pcr, .template_name = template_name, .body = body, .violation = all_zero(digest)};
  }
};

// Decodes the record at the front of `in`, and ignores what follows it. Never allocates, copies or hashes, so a decoded
// record may still have a false digest: Replay checks that. Error::offset counts from in[0].
//
// For a record of "ima" the decoder first tries F = 20. If that gives no path, it tries F = 16 with a path of at least
// one byte. So it reads records with F = 16 exactly, with one exception: a path of one byte before a record of PCR 0 in
// a bank of 64-byte digests. A record that is damaged or cut within its path_len is taken for one with F = 16 in one of
// 2^24 cases. Errors:
//   kTruncated    a prefix of a record (or empty): retry from the same start with more bytes
//   kMalformed    a length, the PCR or the name is out of range: more bytes cannot help
//   kUnsupported  format.digest_bytes is not a supported D
Result<RecordView> decode_record(ByteView in, RecordFormat format);
// The same into `record`, whose content is undefined after an error. Returns its encoded_bytes.
Result<std::size_t> decode_record(ByteView in, RecordFormat format, RecordView& record);

// Appends the record as a file of that format shows it. REQUIRES: decode_record() would accept `content`; its body has
// the byte order `order`; digest.size() is D.
void encode_record(Bytes& out, const RecordContentView& content, ByteView digest, ByteOrder order = kHostOrder);

// The count of bytes that encode_record() appends.
std::size_t encoded_bytes(const RecordContentView& content, std::size_t digest_bytes);

}  // namespace imakeep::imalog
