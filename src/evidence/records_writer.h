// SPDX-License-Identifier: Apache-2.0
// evidence/records_writer.h - writes records as the chunks of a CBOR byte string, plain or as one zstd frame. Internal
// to src/evidence. Threads: one thread at a time uses an object.
#pragma once

#include <functional>
#include <memory>

#include "evidence/evidence.h"

struct ZSTD_CCtx_s;

namespace imakeep::evidence {

class RecordsWriter {
 public:
  // Gets the bytes in order, at most kMostChunkBytes and a few at once. The view is valid during the call only.
  using Sink = std::function<Result<void>(ByteView)>;

  // The sink has got the string's head already: put_chunks().
  RecordsWriter(Encoding encoding, std::uint64_t count, Sink sink);
  ~RecordsWriter();

  // kUsage for more records than counted, or if imalog::acceptable() refuses the record; the sink's errors.
  Result<void> add(const imalog::RecordContentView& content);
  // Ends the string. kUsage for fewer records than counted; the sink's errors.
  Result<void> finish();

 private:
  struct Free {
    void operator()(ZSTD_CCtx_s* context) const;
  };
  Result<void> compress(ByteView bytes, bool end);
  Result<void> put(ByteView bytes);
  Result<void> flush();

  std::uint64_t left_;  // records that are still to come
  const Sink sink_;
  std::unique_ptr<ZSTD_CCtx_s, Free> compressor_;  // null: plain
  Bytes record_;
  Bytes chunk_;
};

}  // namespace imakeep::evidence
