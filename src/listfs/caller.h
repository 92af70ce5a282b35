// SPDX-License-Identifier: Apache-2.0
// listfs/caller.h - identifies the task that opens a file, and tells whether it may administer the system.
//
// Source: proc(5), /proc/PID/stat and /proc/PID/status; capable(CAP_SYS_ADMIN) in _ima_measurements_open().
// Threads: no shared state.
#pragma once

#include "mlist/open_mediation.h"

namespace imakeep::listfs {

struct Caller {
  mlist::TaskId task;
  bool sys_admin = false;  // CAP_SYS_ADMIN in our own user namespace
};

// Describes the task with thread ID `tid`. The task waits for our answer, so it cannot end meanwhile. A task that /proc
// does not show has no capability.
Caller caller_of(std::int32_t tid);

}  // namespace imakeep::listfs
