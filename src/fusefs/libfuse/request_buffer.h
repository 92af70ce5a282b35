// fusefs/libfuse/request_buffer.h - what a session's requests are received into.
// Threads: the one that receives.
#pragma once

#include <cstdlib>
#include <memory>

#include <fuse_lowlevel.h>

#include "base/bytes.h"
#include "base/result.h"

namespace imakeep::fusefs {

enum class Received : std::uint8_t {
  kRequest,
  kNothing,  // this time
  kEnd,      // the file system is unmounted: no more come
};

class RequestBuffer {
 public:
  // Takes one request from the kernel. kIo if that fails.
  Result<Received> receive(fuse_session* session);

  // The last request, until the next.
  const fuse_buf& request() const { return buffer_; }
  ByteView bytes() const { return {static_cast<const std::byte*>(buffer_.mem), buffer_.size}; }

 private:
  fuse_buf buffer_{};
  // libfuse makes it, and may make another.
  std::unique_ptr<void, decltype(&std::free)> memory_{nullptr, &std::free};
};

}  // namespace imakeep::fusefs
