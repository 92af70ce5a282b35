// SPDX-License-Identifier: Apache-2.0
// monitor/metrics_snapshot.h - the latest metrics of the keeper's thread, for threads that may not touch the list.
// Threads: safe from any.
#pragma once

#include <memory>
#include <string>

#include "base/mutex.h"

namespace imakeep::monitor {

class MetricsSnapshot {
 public:
  void set(std::string text) IMAKEEP_EXCLUDES(mutex_) {
    auto next = std::make_shared<const std::string>(std::move(text));
    const MutexLock lock(mutex_);
    text_.swap(next);
  }
  // Null before the first set().
  std::shared_ptr<const std::string> get() const IMAKEEP_EXCLUDES(mutex_) {
    const MutexLock lock(mutex_);
    return text_;
  }

 private:
  mutable Mutex mutex_;
  std::shared_ptr<const std::string> text_ IMAKEEP_GUARDED_BY(mutex_);
};

}  // namespace imakeep::monitor
