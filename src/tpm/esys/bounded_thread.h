// SPDX-License-Identifier: Apache-2.0
// tpm/esys/bounded_thread.h - runs jobs on a separate thread, and limits the time that the caller waits for each.
//
// TCTIs block as long as the other side is silent, and tcti-swtpm offers neither a timeout nor a descriptor to wait on.
// So a call that never returns costs this thread, and not its caller. The thread blocks all signals, so a SIGPIPE from
// a lost TPM does not end the process.
// Threads: one thread at a time uses an object.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <thread>

#include "base/mutex.h"

namespace imakeep::tpm {

class BoundedThread {
 public:
  // std::system_error if no thread can be created.
  BoundedThread();
  // Waits for the thread. If a job was given up, detaches the thread instead.
  ~BoundedThread();
  BoundedThread(const BoundedThread&) = delete;
  BoundedThread& operator=(const BoundedThread&) = delete;

  // Runs `job` on the thread, and destroys it there. False if it took longer than `limit`. Then run() gives the job up:
  // it continues in the background with everything it owns, and every later run() returns false at once. `job` must not
  // borrow objects that may be gone by then.
  bool run(std::function<void()> job, std::chrono::milliseconds limit);

 private:
  struct State {
    Mutex mutex;
    ConditionVariable changed;
    std::function<void()> job IMAKEEP_GUARDED_BY(mutex);
    bool working IMAKEEP_GUARDED_BY(mutex) = false;
    bool closing IMAKEEP_GUARDED_BY(mutex) = false;
  };
  static void work(State& state);

  std::shared_ptr<State> state_ = std::make_shared<State>();
  std::thread thread_;
  bool given_up_ = false;
};

}  // namespace imakeep::tpm
