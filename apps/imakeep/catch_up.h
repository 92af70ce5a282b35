// catch_up.h - lets readers of the view wait until the list was looked at once more.
//
// A quote is taken before the list is read, so whoever reads the list has to find all that the quote covers: a record
// is in Linux's list before it is in the PCRs. The view shows what is archived. So a reader who comes to its end waits
// until what the list holds by then is archived, where the list's count says that there is more than was seen. Threads:
// wait_for_news() from any; the rest from the one that looks at the list.
#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <optional>

#include "base/file.h"
#include "base/mutex.h"

namespace imakeep::app {

class CatchUp {
 public:
  // A reader waits no longer: then it is shown what there is.
  static constexpr std::int64_t kMostWaitMs = 2000;

  // `count` is asked how many records the current list holds, from any thread.
  explicit CatchUp(std::function<Result<std::uint64_t>()> count, std::int64_t most_wait_ms = kMostWaitMs);

  void wait_for_news() IMAKEEP_EXCLUDES(mutex_);

  // Readable, for poll(2), while somebody waits.
  int descriptor() const { return event_.get(); }
  // Everybody who waits now is waiting for the look that begins behind this call.
  std::uint64_t take() IMAKEEP_EXCLUDES(mutex_);
  void done(std::uint64_t taken) IMAKEEP_EXCLUDES(mutex_);
  // The current list held so many records when it was looked at; empty if there may be more to archive all the same.
  void looked(std::optional<std::uint64_t> count) IMAKEEP_EXCLUDES(mutex_);
  // Nobody looks any more, so nobody waits.
  void end() IMAKEEP_EXCLUDES(mutex_);

 private:
  const std::function<Result<std::uint64_t>()> count_;
  const std::int64_t most_wait_ms_;
  const UniqueFd event_;
  Mutex mutex_;
  std::condition_variable_any changed_;
  std::uint64_t asked_ IMAKEEP_GUARDED_BY(mutex_) = 0;
  std::uint64_t answered_ IMAKEEP_GUARDED_BY(mutex_) = 0;
  std::optional<std::uint64_t> seen_ IMAKEEP_GUARDED_BY(mutex_);
  bool ended_ IMAKEEP_GUARDED_BY(mutex_) = false;
};

}  // namespace imakeep::app
