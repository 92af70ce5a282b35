// SPDX-License-Identifier: Apache-2.0
#include "daemon/activity.h"

namespace imakeep::daemon {

Activity::Current Activity::set(Current current) {
  const MutexLock lock(mutex_);
  if (current_.what.empty()) moved_ = std::chrono::steady_clock::now();
  return std::exchange(current_, std::move(current));
}

void Activity::progress() {
  const MutexLock lock(mutex_);
  moved_ = std::chrono::steady_clock::now();
}

std::string Activity::text() const {
  const MutexLock lock(mutex_);
  if (current_.what.empty()) return {};
  const auto lasted = std::chrono::steady_clock::now() - current_.since;
  return current_.what + " for " + std::to_string(std::chrono::duration_cast<std::chrono::seconds>(lasted).count()) +
         " s";
}

std::chrono::milliseconds Activity::without_progress() const {
  const MutexLock lock(mutex_);
  if (current_.what.empty()) return {};
  return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - moved_);
}

}  // namespace imakeep::daemon
