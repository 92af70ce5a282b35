// holders.h - who has files of an IMA directory open: they keep others from taking records out, or from reading.
//
// Source: proc(5), /proc/PID/fd and fdinfo. Threads: no shared state.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

namespace imakeep::app {

struct Holder {
  pid_t pid = 0;
  std::string command;  // its comm, printable
  std::string file;     // the file's name in the directory
  bool may_write = false;
};

struct Holders {
  std::vector<Holder> holders;  // by pid; each file of each once
  // Processes that we may not look into: without CAP_SYS_PTRACE those of other users.
  std::size_t hidden = 0;
};

// Looks at every process. Lists only: the counters lock nothing. A file is told by what it is, not by its path, so a
// process in another mount namespace is found too.
Holders find_holders(const std::string& directory);

// "pid 812 (keylime_agent) has binary_runtime_measurements open for reading"
std::string describe(const Holder& holder);
// All of them in a line, or that there is nobody to be seen and what that may mean.
std::string describe(const Holders& holders);

}  // namespace imakeep::app
