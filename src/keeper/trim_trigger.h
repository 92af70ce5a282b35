// keeper/trim_trigger.h - when to look at a list and when to take records out of it. Decides only; does nothing.
//
// Times are milliseconds of a monotonic clock, so a wall clock that somebody sets changes nothing. Threads: values.
#pragma once

#include <cstdint>
#include <optional>

namespace imakeep::keeper {

// How long to wait before the next try: doubles with each failure.
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

// Zero turns a limit off.
struct TrimLimits {
  std::int64_t every_ms = 0;
  std::uint64_t records = 0;
  std::uint64_t bytes = 0;
  std::int64_t follow_every_ms = 1000;  // how often the list is looked at; not zero
};

enum class Next : std::uint8_t {
  kWait,    // until wake_at_ms()
  kFollow,  // Keeper::follow()
  kTrim,    // Keeper::trim(), which follows too
};

enum class Outcome : std::uint8_t {
  kDone,
  kNothing,  // nothing was deleted, and that is all right
  kBusy,     // somebody has the list open
  kFailed,
};

class TrimTrigger {
 public:
  // The first kFollow is due at once, the first trim by time `every_ms` later. Without `may_trim` there is no kTrim.
  TrimTrigger(const TrimLimits& limits, bool may_trim, std::int64_t now_ms);

  // What happened meanwhile.
  void count_is(std::uint64_t records);  // of the current list
  void memory_is_short() { wanted_ = true; }
  void asked() { asked_ = true; }  // at once, whatever failed before

  // What is due. A kTrim stays due until trimmed() is called, a kFollow until one of the two is.
  Next next(std::int64_t now_ms) const;
  // When to ask again if nothing happens: not before `now_ms`, and not later than the list is to be looked at.
  std::int64_t wake_at_ms(std::int64_t now_ms) const;

  // What came of it. `again`: not all of the list could be settled, so look again although its count stays the same.
  void followed(std::int64_t now_ms, Outcome outcome, bool again = false);
  void trimmed(std::int64_t now_ms, Outcome outcome);
  // What the list was found to hold by either.
  void list_is(std::uint64_t records, std::uint64_t bytes);

  // How often in a row it was busy.
  std::uint32_t busy_follows() const { return busy_follows_.failures(); }
  std::uint32_t busy_trims() const { return busy_trims_.failures(); }

 private:
  bool over_limit() const;
  std::int64_t trim_due_ms(std::int64_t now_ms) const;  // the largest number if none is
  std::int64_t follow_due_ms() const;                   // likewise

  TrimLimits limits_;
  bool may_trim_;
  std::int64_t last_trim_ms_;
  std::int64_t last_follow_ms_;
  std::optional<std::uint64_t> seen_count_;  // when it was followed last
  std::optional<std::uint64_t> count_;
  bool follow_again_ = true;
  bool wanted_ = false;
  bool asked_ = false;
  std::uint64_t records_ = 0;
  std::uint64_t bytes_ = 0;
  // Until the list was looked at once there is no view, and its readers wait. Then followed() takes kBusy and kFailed.
  Backoff busy_follows_{100, 1000};
  Backoff failed_follows_{1000, 10'000};
  Backoff busy_trims_{100, 60'000};
  Backoff failed_trims_{1000, 600'000};
  Backoff idle_trims_{1000, 60'000};  // those by a limit that deleted nothing
};

}  // namespace imakeep::keeper
