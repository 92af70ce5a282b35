// SPDX-License-Identifier: Apache-2.0
#define FUSE_USE_VERSION 314
#include "fuse/session_loop.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>

#include <fuse_lowlevel.h>

namespace imakeep::fuse {

SessionLoop::SessionLoop() : stop_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)), buffer_(new fuse_buf{}) {}

SessionLoop::~SessionLoop() = default;

void SessionLoop::stop() {
  const std::uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = ::write(stop_.get(), &one, sizeof one);
}

Result<bool> SessionLoop::handle_one(fuse_session* session) {
  const int got = fuse_session_receive_buf(session, buffer_.get());
  if (buffer_->mem != memory_.get()) {
    static_cast<void>(memory_.release());
    memory_.reset(buffer_->mem);
  }
  if (got == -EINTR || got == -EAGAIN) return true;
  if (got == -ENODEV || got == 0) return false;
  if (got < 0) return fail_errno(-got, "cannot read from /dev/fuse");
  if (before_request) before_request({static_cast<const std::byte*>(buffer_->mem), buffer_->size});
  fuse_session_process_buf(session, buffer_.get());
  return true;
}

Result<void> SessionLoop::run(fuse_session* session) {
  pollfd ready[2] = {{.fd = fuse_session_fd(session), .events = POLLIN, .revents = 0},
                     {.fd = stop_.get(), .events = POLLIN, .revents = 0}};
  while (fuse_session_exited(session) == 0) {
    const bool waits = waits_for_pause && waits_for_pause();
    const int count = ::poll(ready, 2, waits ? 0 : -1);
    if (count < 0 && errno != EINTR) return fail_errno(errno, "cannot wait for /dev/fuse");
    if (count <= 0) {
      if (waits) at_pause();
      continue;
    }
    if (ready[1].revents != 0) return {};
    IMAKEEP_TRY(const auto& more, handle_one(session));
    if (!more) return {};
  }
  return {};
}

}  // namespace imakeep::fuse
