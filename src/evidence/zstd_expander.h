// SPDX-License-Identifier: Apache-2.0
// evidence/zstd_expander.h - expands one zstd frame that arrives in pieces. Internal to src/evidence.
//
// Threads: one thread at a time uses an object. Source: RFC 8878.
#pragma once

#include <functional>
#include <memory>

#include "base/bytes.h"
#include "base/result.h"

struct ZSTD_DCtx_s;

namespace imakeep::evidence {

class ZstdExpander {
 public:
  using Sink = std::function<Result<void>(ByteView)>;

  // Needs a window of 2^most_window_log bytes at most.
  ZstdExpander(int most_window_log, Sink sink);
  ~ZstdExpander();

  // Hands expanded bytes to the sink, at most 128 KiB at once. kMalformed: no zstd frame, a damaged one, a larger
  // window, or bytes after the frame; the sink's errors.
  Result<void> feed(ByteView bytes);

  // Whether the frame has ended.
  bool ended() const { return ended_; }
  // Count of the bytes that were expanded so far.
  std::uint64_t taken_bytes() const { return taken_bytes_; }

 private:
  struct Free {
    void operator()(ZSTD_DCtx_s* context) const;
  };

  const std::unique_ptr<ZSTD_DCtx_s, Free> context_;
  const Sink sink_;
  Bytes room_;
  bool ended_ = false;
  std::uint64_t taken_bytes_ = 0;
};

}  // namespace imakeep::evidence
