// SPDX-License-Identifier: Apache-2.0
#include "mlist/open_mediation.h"

#include <cerrno>

namespace imakeep::mlist {

Result<void> OpenMediation::open_reader() {
  if (writers_ > 0) return refuse(EBUSY, "open for writing");
  ++readers_;
  return {};
}

Result<void> OpenMediation::open_writer(const TaskId& task) {
  if (readers_ > 0) return refuse(EBUSY, "open for reading");
  if (writers_ > 0 && !(writer_ == task)) return refuse(EBUSY, "open for writing by another task");
  writer_ = task;
  ++writers_;
  return {};
}

}  // namespace imakeep::mlist
