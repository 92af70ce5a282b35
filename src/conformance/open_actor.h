// SPDX-License-Identifier: Apache-2.0
// conformance/open_actor.h - opens files in this task, another thread, another process, or a process without a
// capability.
//
// Linux ties the right to write to the task that opened the file. If two write descriptors are closed after that task
// has ended, Linux's lock stays taken until reboot. So an actor opens and closes in one thread, which lives as long as
// the actor. Another process is forked before anything is opened, so it inherits no descriptor of the list. Threads: an
// actor belongs to the thread that made it. REQUIRES: all actors of a check are made before the first open.
#pragma once

#include <sys/types.h>

#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "base/file.h"

namespace imakeep::conformance {

enum class Who : std::uint8_t { kSameTask, kOtherThread, kOtherProcess, kWithoutCapability };

std::string_view who_name(Who who);  // "same-task", "other-thread", ...

class OpenActor {
 public:
  // kEnvironment if no thread or process can be started. kWithoutCapability is another process of this user that has
  // dropped CAP_SYS_ADMIN.
  static Result<std::unique_ptr<OpenActor>> start(Who who);
  ~OpenActor();  // closes all open files
  OpenActor(const OpenActor&) = delete;
  OpenActor& operator=(const OpenActor&) = delete;

  // Returns 0 or the errno of open(2). The opened file stays open.
  int open(const std::string& path, int flags);
  // Opens the file and closes it at once.
  int try_open(const std::string& path, int flags);
  // Closes the file that was opened last. Does nothing if no file is open.
  void close();

 private:
  explicit OpenActor(Who who) : who_(who) {}
  Result<void> start_task();
  int ask(char operation, const std::string& path, int flags);

  Who who_;
  std::vector<int> own_;  // descriptors of kSameTask
  UniqueFd channel_;      // to the loop in the other task
  UniqueFd thread_end_;
  std::thread thread_;
  pid_t child_ = -1;
};

}  // namespace imakeep::conformance
