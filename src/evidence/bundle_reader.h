// SPDX-License-Identifier: Apache-2.0
// evidence/bundle_reader.h - reads an evidence bundle record by record, in constant memory.
//
// The memory is that of the header, one chunk, the records that 256 compressed bytes expand to, and one window of zstd
// (2 MiB). The count of records does not make it more, nor does what the file claims. The reader checks form, limits
// and the checksum, which finds damage and no forger. It believes nothing: quotes and records are judged by others.
//
// Decided: every member is there, once and in order; unknown versions are refused; no map or array of indefinite length
// but the records; numbers of any width (cbor_item.h).
//
// Format: evidence/bundle.h, docs/formats/bundle.md. Threads: one thread at a time uses an object.
#pragma once

#include <optional>
#include <span>

#include "evidence/bundle.h"

namespace imakeep::evidence {

class BundleReader {
 public:
  // Fills the front of the room with the next bytes. Returns their count; 0 at the end.
  using Source = std::function<Result<std::size_t>(std::span<std::byte>)>;

  // Reads everything before the records. Errors of this and of next(), with Error::offset (bytes from the start of the
  // bundle) or Error::record (count of records before):
  //   kTruncated    the bundle ends too early
  //   kMalformed    no CBOR, another form, no zstd frame, no record, more or fewer records than counted, bytes after
  //                 the end, another checksum; check_bundle_header()
  //   kUnsupported  another version or bank, or a string that is too long
  //   others        those of the source
  static Result<BundleReader> open(Source source);
  BundleReader(BundleReader&&) noexcept;
  BundleReader& operator=(BundleReader&&) noexcept;
  ~BundleReader();

  const BundleHeader& header() const;

  // The next record, valid until the next call; empty after the last one. Then the whole bundle was read, and its
  // checksum matched. After an error each call returns that error.
  Result<std::optional<imalog::RecordContentView>> next();

 private:
  class Reading;
  explicit BundleReader(std::unique_ptr<Reading> reading);

  std::unique_ptr<Reading> reading_;
};

}  // namespace imakeep::evidence
