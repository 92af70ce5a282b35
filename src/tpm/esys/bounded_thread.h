// tpm/esys/bounded_thread.h - runs jobs on a thread of its own, and waits for each no longer than it may take.
//
// TCTIs block for as long as the other side keeps silent, and tcti-swtpm offers neither a timeout nor a descriptor to
// wait on. So a call that never returns costs its thread, not its caller. The thread takes no signals: a SIGPIPE from a
// TPM that is gone ends nobody.
// Threads: an object belongs to one thread at a time.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <thread>

#include "base/mutex.h"

namespace imakeep::tpm {

class BoundedThread {
 public:
  BoundedThread();   // std::system_error when there can be no more threads
  ~BoundedThread();  // waits for the thread, unless its job was given up: then it is left to itself
  BoundedThread(const BoundedThread&) = delete;
  BoundedThread& operator=(const BoundedThread&) = delete;

  // Runs `job`, and destroys it on the thread. False when it took longer than `limit`: then it is given up, goes on in
  // the background with whatever it owns, and every later run() is false at once. `job` borrows nothing that may be
  // gone.
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
