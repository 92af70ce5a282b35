// SPDX-License-Identifier: Apache-2.0
// daemon/end_watch.h - receives the signals that end a keeper, and ends the process if the keeper's loop hangs in a
// call that does not return, such as a call to a list whose server is stopped. If not even SIGKILL can end a thread,
// the process cannot end.
//
// Ending the process by force loses nothing: committed records are in the archive, and the others are still in the
// list.
// Threads: the watch runs in a thread of its own; the object belongs to one thread.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <thread>

#include "base/file.h"
#include "daemon/activity.h"

namespace imakeep::daemon {

class EndWatch {
 public:
  // If the loop makes no progress for this long after the signal, the watch ends the process.
  static constexpr std::chrono::milliseconds kLimit{4000};
  // The exit code in that case: that of errors of the environment.
  static constexpr int kExitCode = 3;

  // Blocks SIGTERM, SIGINT and SIGHUP for this thread and for threads that it starts later. Returns a signalfd(2) for
  // them. kEnvironment if no descriptor is available.
  static Result<UniqueFd> take_signals();

  // `signals` is the descriptor that take_signals() returned. Before the watch ends the process with kExitCode, it
  // calls `say_late` in its own thread to report that; `say_late` may hang. Keeps a reference to `activity`.
  static Result<std::unique_ptr<EndWatch>> start(UniqueFd signals, const Activity& activity,
                                                 std::function<void()> say_late,
                                                 std::chrono::milliseconds limit = kLimit);
  // Stops the watch.
  ~EndWatch();
  EndWatch(const EndWatch&) = delete;
  EndWatch& operator=(const EndWatch&) = delete;

  // Readable, for poll(2), once a signal has told the keeper to end.
  int descriptor() const { return told_.get(); }

 private:
  EndWatch(UniqueFd signals, UniqueFd told, UniqueFd ended, const Activity& activity, std::function<void()> say_late,
           std::chrono::milliseconds limit);
  void watch();
  bool ended_within(std::chrono::milliseconds limit) const;
  [[noreturn]] void end_process() const;

  const UniqueFd signals_;
  const UniqueFd told_;   // an eventfd for the loop
  const UniqueFd ended_;  // an eventfd for the thread
  const Activity& activity_;
  const std::function<void()> say_late_;
  const std::chrono::milliseconds limit_;
  std::thread thread_;
};

}  // namespace imakeep::daemon
