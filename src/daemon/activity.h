// SPDX-License-Identifier: Apache-2.0
// daemon/activity.h - the keeper loop's current activity, for messages to those that wait. Threads: safe from any
// thread.
#pragma once

#include <chrono>
#include <string>
#include <utility>

#include "base/mutex.h"

namespace imakeep::daemon {

class Activity {
 public:
  // `what` completes the sentence "it has been ...": "reading the list /sys/kernel/security/ima". Empty: the loop is
  // idle.
  void begin(std::string what) { set({.what = std::move(what), .since = std::chrono::steady_clock::now()}); }
  // Reports that the current activity still advances.
  void progress() IMAKEEP_EXCLUDES(mutex_);

  // "reading the list /sys/kernel/security/ima for 12 s"; empty if the loop is idle.
  std::string text() const IMAKEEP_EXCLUDES(mutex_);
  // Time since progress(), or since the loop became active if that was later; 0 if the loop is idle.
  std::chrono::milliseconds without_progress() const IMAKEEP_EXCLUDES(mutex_);

 private:
  friend class ActivityScope;
  using Time = std::chrono::steady_clock::time_point;
  struct Current {
    std::string what;
    Time since;
  };
  // Returns the previous activity.
  Current set(Current current) IMAKEEP_EXCLUDES(mutex_);

  mutable Mutex mutex_;
  Current current_ IMAKEEP_GUARDED_BY(mutex_);
  Time moved_ IMAKEEP_GUARDED_BY(mutex_);
};

// Sets the activity; the destructor restores the previous one.
class ActivityScope {
 public:
  ActivityScope(Activity& activity, std::string what)
      : activity_(activity),
        before_(activity.set({.what = std::move(what), .since = std::chrono::steady_clock::now()})) {}
  ~ActivityScope() { activity_.set(before_); }
  ActivityScope(const ActivityScope&) = delete;
  ActivityScope& operator=(const ActivityScope&) = delete;

 private:
  Activity& activity_;
  const Activity::Current before_;
};

}  // namespace imakeep::daemon
