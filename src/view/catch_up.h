// SPDX-License-Identifier: Apache-2.0
// view/catch_up.h - lets readers of the view wait until the keeper has read the list once more.
//
// An agent takes a quote before it reads the list, so the list that it reads must contain every record that the quote
// covers. Linux adds a record to its list before it extends the PCRs, but the view shows only archived records. A
// reader that reaches the end of the view therefore waits until the keeper has archived what Linux's list holds by
// then. One look at the list serves all waiting readers. No reader waits longer than a limit, because the list, or its
// server, may hang.
//
// Threads: wait() from any; the rest from the thread that looks at the list.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <thread>
#include <vector>

#include "base/file.h"
#include "base/mutex.h"

namespace imakeep::view {

class CatchUp {
 public:
  // The longest wait of a reader. After that the reader gets what is archived.
  static constexpr std::int64_t kMostWaitMs = 2000;
  using GoOn = std::function<void()>;

  explicit CatchUp(std::int64_t most_wait_ms = kMostWaitMs);
  ~CatchUp();
  CatchUp(const CatchUp&) = delete;
  CatchUp& operator=(const CatchUp&) = delete;

  // Calls `go_on` once, in another thread: after the next look, or after the limit. If the keeper has ended, calls it
  // in this thread at once. `go_on` must be short.
  void wait(GoOn go_on) IMAKEEP_EXCLUDES(mutex_);

  // Readable, for poll(2), while a reader waits.
  int descriptor() const { return event_.get(); }
  // Begins a look. The look serves every reader that waits now. Returns the number to pass to done().
  std::uint64_t take() IMAKEEP_EXCLUDES(mutex_);
  // Ends the look that began with the take() that returned `taken`.
  void done(std::uint64_t taken) IMAKEEP_EXCLUDES(mutex_);
  // Stores the count of records in the current list at the last look; empty if records may still have to be archived
  // although the count stays the same.
  void looked(std::optional<std::uint64_t> count) { seen_ = count; }
  // Whether the last look saw a list of exactly `count` records and archived all of them.
  bool has_seen(std::uint64_t count) const { return seen_ == count; }
  // No further looks follow, so no reader waits any longer.
  void end() IMAKEEP_EXCLUDES(mutex_);

 private:
  using Time = std::chrono::steady_clock::time_point;
  struct Waiting {
    std::uint64_t number = 0;
    Time until;
    GoOn go_on;
  };
  void watch_the_time() IMAKEEP_EXCLUDES(mutex_);
  // Removes and returns the readers whose wait is over.
  std::vector<GoOn> take_ready(Time now) IMAKEEP_REQUIRES(mutex_);

  const std::chrono::milliseconds most_wait_;
  const UniqueFd event_;
  std::optional<std::uint64_t> seen_;
  Mutex mutex_;
  ConditionVariable changed_;
  std::uint64_t asked_ IMAKEEP_GUARDED_BY(mutex_) = 0;
  std::uint64_t answered_ IMAKEEP_GUARDED_BY(mutex_) = 0;
  std::deque<Waiting> waiting_ IMAKEEP_GUARDED_BY(mutex_);  // in order of arrival
  bool ended_ IMAKEEP_GUARDED_BY(mutex_) = false;
  std::thread timer_;
};

}  // namespace imakeep::view
