// SPDX-License-Identifier: Apache-2.0
// evidence/record_stream.h - the records of evidence as bytes: the content of each, without digests.
//
//   records := record*                                                        little-endian
//   record  := head:u32  name_len:u32  name[name_len]  body_len:u32  body[body_len]
//   head    := bits 0 to 30: the PCR, 0 to 23; bit 31: a violation
// The body is the record's data byte for byte. For the template "ima" it is the whole body, as in imalog/record.h. A
// violation shows zeros and extends 0xff, and nothing in its data tells that, hence the bit. The verifier computes all
// digests from the content.
//
// Threads: one thread at a time uses an object.
#pragma once

#include <cstdint>
#include <functional>

#include "imalog/record.h"

namespace imakeep::evidence {

// Appends the record. REQUIRES: imalog::acceptable(content).
void append_record(Bytes& out, const imalog::RecordContentView& content);

// Reads records from bytes that arrive in pieces of any size. Keeps one record at most.
class RecordStream {
 public:
  // The view is valid during the call only. An error ends the reading.
  using OnRecord = std::function<Result<void>(const imalog::RecordContentView&)>;

  // Refuses a body of more than `most_body_bytes`, which is at most imalog::kMaxDataBytes.
  RecordStream(std::uint32_t most_body_bytes, OnRecord on_record);

  // Calls on_record for each record that is complete. Errors, with Error::record: kMalformed if the bytes are no
  // record; kUnsupported if a body is longer than allowed; those of on_record. After an error the object is of no use.
  Result<void> feed(ByteView bytes);

  // Whether the bytes so far end with a record.
  bool between_records() const { return pending_.empty(); }
  // Count of records that were handed over.
  std::uint64_t records() const { return records_; }

 private:
  Result<std::size_t> take(ByteView bytes);

  const std::uint32_t most_body_bytes_;
  const OnRecord on_record_;
  Bytes pending_;  // the begin of a record
  std::uint64_t records_ = 0;
};

}  // namespace imakeep::evidence
