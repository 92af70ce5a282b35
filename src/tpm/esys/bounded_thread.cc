// SPDX-License-Identifier: Apache-2.0
#include "tpm/esys/bounded_thread.h"

#include <csignal>
#include <utility>

namespace imakeep::tpm {
namespace {

// A thread inherits the signal mask of the thread that starts it.
class SignalsBlocked {
 public:
  SignalsBlocked() {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before_);
  }
  ~SignalsBlocked() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  SignalsBlocked(const SignalsBlocked&) = delete;
  SignalsBlocked& operator=(const SignalsBlocked&) = delete;

 private:
  sigset_t before_{};
};

}  // namespace

BoundedThread::BoundedThread() {
  const SignalsBlocked blocked;
  thread_ = std::thread([state = state_] { work(*state); });
}

BoundedThread::~BoundedThread() {
  {
    const MutexLock lock(state_->mutex);
    state_->closing = true;
  }
  state_->changed.notify_all();
  if (given_up_) {
    thread_.detach();
  } else {
    thread_.join();
  }
}

void BoundedThread::work(State& state) {
  for (;;) {
    std::function<void()> job;
    {
      const MutexLock lock(state.mutex);
      while (!state.job && !state.closing) state.changed.wait(state.mutex);
      if (!state.job) return;
      job = std::exchange(state.job, nullptr);
    }
    job();
    job = nullptr;
    {
      const MutexLock lock(state.mutex);
      state.working = false;
    }
    state.changed.notify_all();
  }
}

bool BoundedThread::run(std::function<void()> job, std::chrono::milliseconds limit) {
  if (given_up_) return false;
  const MutexLock lock(state_->mutex);
  state_->job = std::move(job);
  state_->working = true;
  state_->changed.notify_all();
  const auto deadline = std::chrono::steady_clock::now() + limit;
  while (state_->working && !given_up_) {
    given_up_ = state_->changed.wait_until(state_->mutex, deadline) == std::cv_status::timeout && state_->working;
  }
  return !given_up_;
}

}  // namespace imakeep::tpm
