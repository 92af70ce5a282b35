#include "mlist/open_mediation.h"

#include <cerrno>

namespace imakeep::mlist {
namespace {

unexpected<Error> busy(const char* message) {
  return unexpected<Error>(Error{.code = ErrorCode::kRefused, .message = message, .os_errno = EBUSY});
}

}  // namespace

Result<void> OpenMediation::open_reader() {
  if (writers_ > 0) return busy("open for writing");
  ++readers_;
  return {};
}

Result<void> OpenMediation::open_writer(const TaskId& task) {
  if (readers_ > 0) return busy("open for reading");
  if (writers_ > 0 && !(writer_ == task)) return busy("open for writing by another task");
  writer_ = task;
  ++writers_;
  return {};
}

}  // namespace imakeep::mlist
