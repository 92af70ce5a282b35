// SPDX-License-Identifier: Apache-2.0
// host/holders.h - finds the processes that have files of an IMA directory open. They keep others from trimming or from
// reading.
//
// Source: proc(5), /proc/PID/fd and fdinfo. Threads: no shared state.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

namespace imakeep::host {

struct Holder {
  pid_t pid = 0;
  std::string command;  // its comm, made printable
  std::string file;     // the file's name in the directory
  bool may_write = false;
};

struct Holders {
  std::vector<Holder> holders;  // sorted by pid; one entry per process and file
  // Number of processes whose descriptors we may not read: without CAP_SYS_PTRACE, those of other users.
  std::size_t hidden = 0;
};

// Examines every process. Reports only files that are lists, because the counters lock nothing. Identifies a file by
// device and inode, not by its path, so that it also finds a process in another mount namespace.
Holders find_holders(const std::string& directory);

// "pid 812 (keylime_agent) has binary_runtime_measurements open for reading"
std::string describe(const Holder& holder);
// Describes all holders in one line. If none is visible, says so and what that may mean.
std::string describe(const Holders& holders);

}  // namespace imakeep::host
