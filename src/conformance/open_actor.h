// conformance/open_actor.h - opens files as this task, another thread, another process, or one without a capability.
//
// Linux ties the right to write to the task that opened, and two write descriptors that are closed after that task
// ended leave its lock taken until reboot. So an actor opens and closes in one thread, which lives as long as the
// actor. Another process is forked before anything is opened, so it inherits no descriptor of the list. Threads: an
// actor belongs to the thread that made it. Make every actor of a check before the first open.
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
  // kEnvironment if no thread or process can be had. kWithoutCapability is another process of this user that has
  // given up CAP_SYS_ADMIN.
  static Result<std::unique_ptr<OpenActor>> start(Who who);
  ~OpenActor();  // closes what is open
  OpenActor(const OpenActor&) = delete;
  OpenActor& operator=(const OpenActor&) = delete;

  // open(2): 0, or errno. What was opened stays open.
  int open(const std::string& path, int flags);
  // Opens and closes at once.
  int try_open(const std::string& path, int flags);
  // Closes what was opened last; no effect if nothing is open.
  void close();

 private:
  explicit OpenActor(Who who) : who_(who) {}
  Result<void> start_task();
  int ask(char operation, const std::string& path, int flags);

  Who who_;
  std::vector<int> own_;  // kSameTask's descriptors
  UniqueFd channel_;      // to the loop in the other task
  UniqueFd thread_end_;
  std::thread thread_;
  pid_t child_ = -1;
};

}  // namespace imakeep::conformance
