// SPDX-License-Identifier: Apache-2.0
// archive/segment.h - the bytes of a segment: records one after the other, compressed as one zstd frame.
//
//   payload := record*                                            little-endian, whatever the list's own order
//   record  := flags:u8  pcr:u8  name_len:u8  name[name_len]  body_len:u32  body[body_len]  [own]
//   own     := tpm_alg:u16  fill:u8  digest_len:u8  digest[digest_len]      only if flags has kOwnDigest
//   flags   := 1 violation | 2 stored digest (kOwnDigest)
//
// The frame contains zstd's checksum of the payload, so a reader finds damage before it uses a record. The body is the
// record's data byte for byte (for "ima" its whole body, as in imalog/record.h).
// Format page: docs/formats/archive.md. Threads: no shared state.
#pragma once

#include "archive/record.h"

namespace imakeep::archive {

// A segment ends once its payload has at least this many bytes. That bounds how much has to be decompressed to read one
// record.
inline constexpr std::size_t kSegmentPayloadBytes = 128u << 10;
// No payload is larger: only its last record may exceed kSegmentPayloadBytes. decompress() refuses a frame that claims
// more, before it decompresses it.
inline constexpr std::size_t kMaxPayloadBytes = kSegmentPayloadBytes + imalog::kMaxDataBytes + (1u << 10);

void append_record(Bytes& payload, const RecordView& record);

// Reads the records of a payload. Borrows the payload.
class SegmentReader {
 public:
  explicit SegmentReader(ByteView payload) : payload_(payload) {}
  explicit SegmentReader(Bytes&&) = delete;

  // The next record, or nothing after the last. kMalformed, with offset and record, if the bytes are not a record.
  Result<std::optional<RecordView>> next();

  std::size_t offset() const { return offset_; }
  std::uint64_t records_read() const { return records_; }

 private:
  ByteView payload_;
  std::size_t offset_ = 0;
  std::uint64_t records_ = 0;
};

Bytes compress(ByteView payload);

// kMalformed if `frame` is not exactly one whole frame of at most kMaxPayloadBytes, or its checksum does not match.
Result<Bytes> decompress(ByteView frame);

}  // namespace imakeep::archive
