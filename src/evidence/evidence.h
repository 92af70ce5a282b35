// SPDX-License-Identifier: Apache-2.0
// evidence/evidence.h - what an attester sends to be appraised, and its writer. evidence/evidence_reader.h reads it.
//
// Evidence is one CBOR map with numbers as keys, ascending, the records last. So a reader knows everything else before
// it sees the first record:
//   1 version  2 tenant  3 host  4 token  5 quote  6 signature  7 pcrs  8 first  9 count  10 encoding  11 part
//   12 byte order  14 records
// docs/formats/evidence.md has the map in CDDL. evidence/record_stream.h has the bytes of the records.
//
// An increment that is too large for one request is sent in parts. Each has the same token, quote, signature and PCR
// values, so that a verifier judges them before it replays a record. Each part but the last has `more`.
//
// Threads: the header is a value; one thread at a time uses a writer.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "imalog/record.h"
#include "imalog/replay.h"

namespace imakeep::evidence {

inline constexpr std::uint64_t kEvidenceVersion = 1;
inline constexpr std::string_view kEvidenceMediaType = "application/vnd.imakeep.evidence+cbor";

// The records are a byte string of at most this size, or one in chunks of at most this size each. No other string is
// longer.
inline constexpr std::size_t kMostChunkBytes = 64u << 10;
// Of a quote, and of a signature. The largest that a TPM makes is less than half of it.
inline constexpr std::size_t kMostQuoteBytes = 4096;
// Record numbers and counts. The number after the last record has 63 bits too.
inline constexpr std::uint64_t kMostRecordNumber = (std::uint64_t{1} << 63) - 1;
// zstd needs a window of 2^this bytes to expand. Level 3, zstd's default, makes no larger one.
inline constexpr int kMostWindowLog = 21;

enum class Encoding : std::uint8_t { kPlain = 0, kZstd = 1 };

// Everything but the records.
struct EvidenceHeader {
  std::string tenant = {};  // empty: the verifier's default tenant
  std::string host = {};
  Bytes token = {};                           // of the challenge, as it was given
  Bytes quote = {};                           // TPMS_ATTEST
  Bytes signature = {};                       // TPMT_SIGNATURE
  std::vector<imalog::PcrValue> pcrs = {};    // of quoted PCRs that no record names; banks are bank_of()
  std::uint64_t first = 0;                    // number of the first record in its chain
  std::uint64_t count = 0;                    // of the records
  Encoding encoding = Encoding::kPlain;       // of the records
  bool more = false;                          // a part: more records follow in another request
  ByteOrder byte_order = ByteOrder::kLittle;  // of the numbers within the records' data

  friend bool operator==(const EvidenceHeader&, const EvidenceHeader&) = default;
};

// The bytes that the record takes in evidence, before compression: what a verifier's limit of bytes counts.
std::uint64_t record_bytes(const imalog::RecordContentView& content);

// kMalformed, naming the member: a name of another form, a token, quote, signature or PCR value of an impossible size,
// a PCR above 23 or twice, numbers above kMostRecordNumber, or a part without a record.
Result<void> check_header(const EvidenceHeader& header);

// Writes evidence piece by piece.
class EvidenceWriter {
 public:
  // Gets the bytes in order, at most kMostChunkBytes and a few at once. The view is valid during the call only.
  using Sink = std::function<Result<void>(ByteView)>;

  // Hands everything before the records to the sink. kUsage if check_header() refuses the header; the sink's errors.
  static Result<EvidenceWriter> begin(const EvidenceHeader& header, Sink sink);
  EvidenceWriter(EvidenceWriter&&) noexcept;
  EvidenceWriter& operator=(EvidenceWriter&&) noexcept;
  ~EvidenceWriter();

  // kUsage if the header counts fewer records, or imalog::acceptable() refuses the record; the sink's errors. After an
  // error of the sink, the writer is of no use.
  Result<void> add(const imalog::RecordContentView& content);
  // Ends the evidence. kUsage if the header counts more records; the sink's errors.
  Result<void> finish();

 private:
  class Writing;
  explicit EvidenceWriter(std::unique_ptr<Writing> writing);

  std::unique_ptr<Writing> writing_;
};

}  // namespace imakeep::evidence
