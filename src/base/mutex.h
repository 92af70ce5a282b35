// SPDX-License-Identifier: Apache-2.0
// base/mutex.h - std::mutex with the annotations of clang's thread-safety analysis.
//
// Declare a lock next to the data that it guards: `int count_ IMAKEEP_GUARDED_BY(mutex_);`. A build with clang then
// rejects an access without the lock. Source: https://clang.llvm.org/docs/ThreadSafetyAnalysis.html
#pragma once

#if defined(IMAKEEP_LOCK_TIMING)
#include <chrono>
#endif
#include <condition_variable>
#include <mutex>

#if defined(__clang__)
#define IMAKEEP_THREAD_ATTRIBUTE(x) __attribute__((x))
#else
#define IMAKEEP_THREAD_ATTRIBUTE(x)
#endif

#define IMAKEEP_CAPABILITY(name) IMAKEEP_THREAD_ATTRIBUTE(capability(name))
#define IMAKEEP_SCOPED_CAPABILITY IMAKEEP_THREAD_ATTRIBUTE(scoped_lockable)
#define IMAKEEP_GUARDED_BY(x) IMAKEEP_THREAD_ATTRIBUTE(guarded_by(x))
#define IMAKEEP_REQUIRES(...) IMAKEEP_THREAD_ATTRIBUTE(requires_capability(__VA_ARGS__))
#define IMAKEEP_EXCLUDES(...) IMAKEEP_THREAD_ATTRIBUTE(locks_excluded(__VA_ARGS__))
#define IMAKEEP_ACQUIRE(...) IMAKEEP_THREAD_ATTRIBUTE(acquire_capability(__VA_ARGS__))
#define IMAKEEP_RELEASE(...) IMAKEEP_THREAD_ATTRIBUTE(release_capability(__VA_ARGS__))

namespace imakeep {

#if defined(IMAKEEP_LOCK_TIMING)
// For bench/ only. Called after each unlock with the time for which the lock was held, and the count of other locks
// that the thread still holds.
using LockHeld = void (*)(std::chrono::nanoseconds held, int outer_locks);
inline thread_local LockHeld on_lock_held = nullptr;
inline thread_local int locks_held = 0;
#endif

class IMAKEEP_CAPABILITY("mutex") Mutex {
 public:
  void lock() IMAKEEP_ACQUIRE() { mutex_.lock(); }
  void unlock() IMAKEEP_RELEASE() { mutex_.unlock(); }

 private:
  std::mutex mutex_;
};

class IMAKEEP_SCOPED_CAPABILITY MutexLock {
 public:
#if defined(IMAKEEP_LOCK_TIMING)
  explicit MutexLock(Mutex& mutex) IMAKEEP_ACQUIRE(mutex) : mutex_(mutex) {
    mutex_.lock();
    ++locks_held;
    since_ = std::chrono::steady_clock::now();
  }
  ~MutexLock() IMAKEEP_RELEASE() {
    const auto held = std::chrono::steady_clock::now() - since_;
    mutex_.unlock();
    --locks_held;
    if (on_lock_held != nullptr) on_lock_held(held, locks_held);
  }
#else
  explicit MutexLock(Mutex& mutex) IMAKEEP_ACQUIRE(mutex) : mutex_(mutex) { mutex_.lock(); }
  ~MutexLock() IMAKEEP_RELEASE() { mutex_.unlock(); }
#endif
  MutexLock(const MutexLock&) = delete;
  MutexLock& operator=(const MutexLock&) = delete;

 private:
  Mutex& mutex_;
#if defined(IMAKEEP_LOCK_TIMING)
  std::chrono::steady_clock::time_point since_;
#endif
};

// Waits with an imakeep::Mutex. The caller must hold the mutex when it calls wait().
using ConditionVariable = std::condition_variable_any;

}  // namespace imakeep
