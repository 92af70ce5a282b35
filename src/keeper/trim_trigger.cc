// SPDX-License-Identifier: Apache-2.0
#include "keeper/trim_trigger.h"

#include <algorithm>
#include <limits>

namespace imakeep::keeper {
namespace {

constexpr std::int64_t kNever = std::numeric_limits<std::int64_t>::max();
constexpr Backoff kBusy(100, 60'000);
constexpr Backoff kFailed(1000, 600'000);

}  // namespace

void Backoff::failed(std::int64_t now_ms) {
  wait_ms_ = failures_ == 0 ? first_ms_ : std::min(wait_ms_ * 2, most_ms_);
  not_before_ms_ = now_ms + wait_ms_;
  ++failures_;
}

TrimTrigger::TrimTrigger(const TrimLimits& limits, bool may_trim, std::int64_t now_ms)
    : limits_(limits), may_trim_(may_trim), last_trim_ms_(now_ms), last_follow_ms_(now_ms - limits.follow_every_ms) {}

void TrimTrigger::count_is(std::uint64_t records) {
  count_ = records;
}

bool TrimTrigger::over_limit() const {
  // The count is newer, but leaves out staged records.
  const std::uint64_t records = std::max(records_, count_.value_or(0));
  return (limits_.records > 0 && records >= limits_.records) || (limits_.bytes > 0 && bytes_ >= limits_.bytes);
}

std::int64_t TrimTrigger::trim_due_ms(std::int64_t now_ms) const {
  if (!may_trim_) return kNever;
  if (asked_) return now_ms;
  std::int64_t due_ms = kNever;
  if (limits_.every_ms > 0) due_ms = last_trim_ms_ + limits_.every_ms;
  if (wanted_) due_ms = std::min(due_ms, now_ms);
  if (over_limit()) due_ms = std::min(due_ms, std::max(now_ms, idle_trims_.not_before_ms()));
  if (due_ms == kNever) return kNever;
  return std::max({due_ms, busy_trims_.not_before_ms(), failed_trims_.not_before_ms()});
}

std::int64_t TrimTrigger::follow_due_ms() const {
  // Even if the count is the same, somebody may have deleted as many records as were added.
  constexpr std::int64_t kUnchangedFollows = 10;
  if (!follow_again_ && (!count_ || count_ == seen_count_)) {
    return count_ ? last_follow_ms_ + kUnchangedFollows * limits_.follow_every_ms : kNever;
  }
  if (busy_follows_.failures() + failed_follows_.failures() == 0) return last_follow_ms_ + limits_.follow_every_ms;
  return std::max(busy_follows_.not_before_ms(), failed_follows_.not_before_ms());
}

Next TrimTrigger::next(std::int64_t now_ms) const {
  if (trim_due_ms(now_ms) <= now_ms) return Next::kTrim;
  if (follow_due_ms() <= now_ms) return Next::kFollow;
  return Next::kWait;
}

std::int64_t TrimTrigger::wake_at_ms(std::int64_t now_ms) const {
  const std::int64_t due_ms = std::min({trim_due_ms(now_ms), follow_due_ms(), now_ms + limits_.follow_every_ms});
  return std::max(due_ms, now_ms);
}

void TrimTrigger::followed(std::int64_t now_ms, Outcome outcome, bool again) {
  last_follow_ms_ = now_ms;
  if (outcome == Outcome::kBusy) {
    busy_follows_.failed(now_ms);
    follow_again_ = true;
  } else if (outcome == Outcome::kFailed) {
    failed_follows_.failed(now_ms);
    follow_again_ = true;
  } else {
    busy_follows_ = kBusy;
    failed_follows_ = kFailed;
    follow_again_ = again;
    seen_count_ = count_;
  }
}

void TrimTrigger::trimmed(std::int64_t now_ms, Outcome outcome) {
  asked_ = false;
  if (outcome == Outcome::kBusy || outcome == Outcome::kFailed) {
    wanted_ = true;
    (outcome == Outcome::kBusy ? busy_trims_ : failed_trims_).failed(now_ms);
    return;
  }
  wanted_ = false;
  last_trim_ms_ = now_ms;
  busy_trims_.succeeded();
  failed_trims_.succeeded();
  if (outcome == Outcome::kNothing) {
    idle_trims_.failed(now_ms);
  } else {
    idle_trims_.succeeded();
  }
  followed(now_ms, Outcome::kDone);
  count_.reset();  // it is the count from before the trim
}

void TrimTrigger::list_is(std::uint64_t records, std::uint64_t bytes) {
  records_ = records;
  bytes_ = bytes;
}

}  // namespace imakeep::keeper
