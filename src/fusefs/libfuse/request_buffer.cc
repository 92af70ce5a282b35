#define FUSE_USE_VERSION 314
#include "fusefs/libfuse/request_buffer.h"

#include <cerrno>

namespace imakeep::fusefs {

Result<Received> RequestBuffer::receive(fuse_session* session) {
  const int got = fuse_session_receive_buf(session, &buffer_);
  if (buffer_.mem != memory_.get()) {
    static_cast<void>(memory_.release());
    memory_.reset(buffer_.mem);
  }
  if (got == -EINTR || got == -EAGAIN) return Received::kNothing;
  if (got == -ENODEV || got == 0) return Received::kEnd;
  if (got < 0) return fail_errno(-got, "cannot read from /dev/fuse");
  return Received::kRequest;
}

}  // namespace imakeep::fusefs
