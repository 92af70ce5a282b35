// fusefs/caller.h - who it is that opens a file: which task, and whether it may administer the system.
//
// Source: proc(5), /proc/PID/stat and /proc/PID/status; capable(CAP_SYS_ADMIN) in _ima_measurements_open().
// Threads: no shared state.
#pragma once

#include "mlist/open_mediation.h"

namespace imakeep::fusefs {

struct Caller {
  mlist::TaskId task;
  bool sys_admin = false;  // CAP_SYS_ADMIN in our own user namespace
};

// The task of that number, which waits for our answer and so stays. One that /proc does not show has no capability.
Caller caller_of(std::int32_t tid);

}  // namespace imakeep::fusefs
