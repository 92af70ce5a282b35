// SPDX-License-Identifier: Apache-2.0
// evidence/evidence_reader.h - reads evidence that arrives in pieces, in constant memory.
//
// The memory is that of one chunk, one record, one window of zstd (2 MiB) and the header. Neither the length of the
// evidence nor what a sender claims makes it more. The reader checks form and limits. It believes nothing: token, quote
// and records are checked by others, and nothing that it handed over is accepted before finish() succeeds.
//
// Decided: members of the map in ascending order and none twice; unknown members and versions are refused; no map of
// indefinite length; numbers of any width (cbor_item.h); records as one zstd frame, of which RFC 8878's checksum is
// checked if it is there.
//
// Format: evidence/evidence.h, docs/formats/evidence.md. Threads: one thread at a time uses an object.
#pragma once

#include "evidence/evidence.h"

namespace imakeep::evidence {

struct EvidenceLimits {
  std::uint64_t records = 1'000'000;
  std::uint64_t records_bytes = std::uint64_t{256} << 20;  // of all records, expanded
  std::uint32_t body_bytes = imalog::kMaxDataBytes;        // of one record's body
  // Expanded bytes for each compressed byte, after the first kFreeExpansionBytes.
  std::uint32_t expansion = 100;
};

inline constexpr std::uint64_t kFreeExpansionBytes = 256u << 10;

class EvidenceReader {
 public:
  // Called once, before the first record. An error ends the reading.
  using OnHeader = std::function<Result<void>(const EvidenceHeader&)>;
  // Called for each record, in order. The view is valid during the call only. An error ends the reading.
  using OnRecord = std::function<Result<void>(const imalog::RecordContentView&)>;

  EvidenceReader(const EvidenceLimits& limits, OnHeader on_header, OnRecord on_record);
  ~EvidenceReader();
  EvidenceReader(const EvidenceReader&) = delete;
  EvidenceReader& operator=(const EvidenceReader&) = delete;

  // Takes the next bytes; pieces of any size give the same calls. After an error each call returns that error. Errors,
  // with Error::offset (bytes from the start of the evidence) or Error::record (count of records before):
  //   kMalformed    it can never become evidence: no CBOR, another form, a member out of order, no zstd frame, no
  //                 record, more or fewer records than counted, bytes after the end; check_header()
  //   kUnsupported  another version, encoding or bank, an unknown member, or more than the limits allow
  //   others        those of the callbacks
  Result<void> feed(ByteView bytes);

  // The input has ended. kTruncated if the evidence has not; the error of an earlier call.
  Result<void> finish();

 private:
  class Reading;
  std::unique_ptr<Reading> reading_;
};

}  // namespace imakeep::evidence
