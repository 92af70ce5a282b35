// SPDX-License-Identifier: Apache-2.0
// fuse/session_loop.h - receives the requests of a libfuse session, one after the other, until it is stopped.
//
// Threads: run() in one thread; stop() from any thread and from signal handlers.
#pragma once

#include <cstdlib>
#include <functional>
#include <memory>

#include "base/file.h"

struct fuse_buf;
struct fuse_session;

namespace imakeep::fuse {

class SessionLoop {
 public:
  SessionLoop();
  ~SessionLoop();
  SessionLoop(const SessionLoop&) = delete;
  SessionLoop& operator=(const SessionLoop&) = delete;

  // Optional; set them before run(), whose thread calls them.
  //
  // Gets each request, before libfuse handles it. The bytes are valid during the call.
  std::function<void(ByteView)> before_request;
  // If it returns true, at_pause() is called as soon as no further request is there to be received.
  std::function<bool()> waits_for_pause;
  std::function<void()> at_pause;

  // Returns after stop(), or when the file system was unmounted. kEnvironment, with errno, if /dev/fuse fails.
  Result<void> run(fuse_session* session);
  void stop();

 private:
  // Receives and handles one request. False if no more will come.
  Result<bool> handle_one(fuse_session* session);

  const UniqueFd stop_;
  // libfuse allocates the memory of the buffer, and may replace it in a later call.
  std::unique_ptr<fuse_buf> buffer_;
  std::unique_ptr<void, decltype(&std::free)> memory_{nullptr, &std::free};
};

}  // namespace imakeep::fuse
