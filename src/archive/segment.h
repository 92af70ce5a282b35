// archive/segment.h - the bytes of a segment: records one behind the other, compressed as one zstd frame.
//
//   payload := record*                                            little-endian, whatever the list's own order
//   record  := flags:u8  pcr:u8  name_len:u8  name[name_len]  body_len:u32  body[body_len]  [own]
//   own     := tpm_alg:u16  padded:u8  digest_len:u8  digest[digest_len]      only if flags has kOwnDigest
//   flags   := 1 violation | 2 own digest
//
// The frame carries zstd's checksum of the payload, so damage is found before a record is believed. The body is the
// record's data byte for byte (for "ima" its whole body, as imalog/record.h has it).
// Format page: docs/formats/archive.md. Threads: no shared state.
#pragma once

#include "archive/record.h"

namespace imakeep::archive {

// A segment is cut once its payload has this many bytes, so a record anywhere is at most this much decompressing away.
inline constexpr std::size_t kSegmentPayloadBytes = 128u << 10;
// No payload is larger: one record may go beyond the cut. A frame that claims more is refused before it is read.
inline constexpr std::size_t kMaxPayloadBytes = kSegmentPayloadBytes + imalog::kMaxDataBytes + (1u << 10);

void append_record(Bytes& payload, const RecordView& record);

// Walks the records of a payload, which it borrows.
class SegmentReader {
 public:
  explicit SegmentReader(ByteView payload) : payload_(payload) {}
  explicit SegmentReader(Bytes&&) = delete;

  // The next record, or nothing after the last. kMalformed, with offset and record, for bytes that are none.
  Result<std::optional<RecordView>> next();

  std::size_t offset() const { return offset_; }
  std::uint64_t records_read() const { return records_; }

 private:
  ByteView payload_;
  std::size_t offset_ = 0;
  std::uint64_t records_ = 0;
};

Bytes compress(ByteView payload);

// kMalformed for anything that is not one whole frame of at most kMaxPayloadBytes with the right checksum.
Result<Bytes> decompress(ByteView frame);

}  // namespace imakeep::archive
