// SPDX-License-Identifier: Apache-2.0
// keeper/trim_trigger.h - decides when to look at a list and when to trim it. Does neither itself.
//
// Times are milliseconds of a monotonic clock, so setting the wall clock changes nothing. Threads: values.
#pragma once

#include <cstdint>
#include <optional>

namespace imakeep::keeper {

// How long to wait before the next try. The wait doubles with each failure, up to `most_ms`.
class Backoff {
 public:
  constexpr Backoff(std::int64_t first_ms, std::int64_t most_ms) : first_ms_(first_ms), most_ms_(most_ms) {}

  void failed(std::int64_t now_ms);
  void succeeded() { *this = Backoff(first_ms_, most_ms_); }

  std::int64_t not_before_ms() const { return not_before_ms_; }
  std::uint32_t failures() const { return failures_; }  // in a row

 private:
  std::int64_t first_ms_;
  std::int64_t most_ms_;
  std::int64_t wait_ms_ = 0;
  std::int64_t not_before_ms_ = 0;
  std::uint32_t failures_ = 0;
};

// Zero disables a limit.
struct TrimLimits {
  std::int64_t every_ms = 0;
  std::uint64_t records = 0;
  std::uint64_t bytes = 0;
  std::int64_t follow_every_ms = 1000;  // interval between two looks at the list; not zero
};

enum class Next : std::uint8_t {
  kWait,    // until wake_at_ms()
  kFollow,  // Keeper::follow()
  kTrim,    // Keeper::trim(), which follows too
};

enum class Outcome : std::uint8_t {
  kDone,
  kNothing,  // nothing was deleted, and that is correct
  kBusy,     // another process has the list open
  kFailed,
};

class TrimTrigger {
 public:
  // The first kFollow is due at once. The first trim by time is due `every_ms` later. Without `may_trim`, no kTrim is
  // due.
  TrimTrigger(const TrimLimits& limits, bool may_trim, std::int64_t now_ms);

  // Events that the caller reports.
  void count_is(std::uint64_t records);  // count of the current list's records
  void memory_is_short() { wanted_ = true; }
  void asked() { asked_ = true; }  // trim at once, whatever failed before

  // The action that is due. kTrim stays due until trimmed() is called, kFollow until followed() or trimmed() is called.
  Next next(std::int64_t now_ms) const;
  // When to call next() again if nothing happens: not before `now_ms`, and at most `follow_every_ms` after it.
  std::int64_t wake_at_ms(std::int64_t now_ms) const;

  // The outcome of an action. `again`: the list changed while it was read, or a question is open, so look again even if
  // its count is the same.
  void followed(std::int64_t now_ms, Outcome outcome, bool again = false);
  void trimmed(std::int64_t now_ms, Outcome outcome);
  // The list's size, as found by either action.
  void list_is(std::uint64_t records, std::uint64_t bytes);

  // How often in a row the list was busy.
  std::uint32_t busy_follows() const { return busy_follows_.failures(); }
  std::uint32_t busy_trims() const { return busy_trims_.failures(); }

 private:
  bool over_limit() const;
  std::int64_t trim_due_ms(std::int64_t now_ms) const;  // the largest number if no trim is due
  std::int64_t follow_due_ms() const;                   // likewise

  TrimLimits limits_;
  bool may_trim_;
  std::int64_t last_trim_ms_;
  std::int64_t last_follow_ms_;
  std::optional<std::uint64_t> seen_count_;  // when the list was followed last
  std::optional<std::uint64_t> count_;
  bool follow_again_ = true;
  bool wanted_ = false;
  bool asked_ = false;
  std::uint64_t records_ = 0;
  std::uint64_t bytes_ = 0;
  // Before the first look at the list the view is not mounted, and its readers wait, so these back-offs stay short. A
  // follow that succeeds replaces them by kBusy and kFailed.
  Backoff busy_follows_{100, 1000};
  Backoff failed_follows_{1000, 10'000};
  Backoff busy_trims_{100, 60'000};
  Backoff failed_trims_{1000, 600'000};
  Backoff idle_trims_{1000, 60'000};  // for trims by a limit that deleted nothing
};

}  // namespace imakeep::keeper
