// SPDX-License-Identifier: Apache-2.0
#include "keeper/locate.h"

#include <algorithm>

namespace imakeep::keeper {

std::optional<Match> match_of(std::span<const std::optional<Seen>> seen, std::uint64_t known, std::uint64_t records,
                              const Window& window) {
  Match match{.until = records};
  for (const std::optional<Seen>& value : seen) {
    if (!value || known + value->first > window.most) return std::nullopt;
    const bool in_flight = window.may_be_in_flight && known + value->last + 1 == window.least;
    if (known + value->last < window.least && (!in_flight || window.settled)) return std::nullopt;
    match.until = std::min(match.until, known + value->last);
    match.reach = std::max(match.reach, known + value->first);
    match.in_flight = match.in_flight || in_flight;
  }
  return match;
}

Search::Search(digest::PcrState start, std::span<const imalog::PcrValue> pcrs, std::vector<Family> families,
               std::uint64_t records, std::uint64_t most_extends)
    : start_(std::move(start)),
      pcrs_(pcrs.begin(), pcrs.end()),
      families_(std::move(families)),
      records_(records),
      trails_(families_.size()) {
  std::uint64_t extends = 0;
  for (std::size_t i = 0; i < families_.size(); ++i) {
    if (!forks(families_[i])) continue;
    const std::uint64_t tail = ListIndex(records_) - families_[i].stretch_end;
    trails_[i].skipped = families_[i].count > (most_extends - extends) / tail;
    if (!trails_[i].skipped) extends += families_[i].count * tail;
  }
}

// Begins the families whose new records begin at index_.
void Search::begin_trails() {
  for (std::size_t i = 0; i < families_.size(); ++i) {
    const Family& family = families_[i];
    Trail& trail = trails_[i];
    if (trail.skipped || trail.first || ListIndex(family.first) != index_) continue;
    trail.first.emplace(start_);
    // Cannot fail: the caller promises that `start` has the banks and sizes of `pcrs`.
    for (const imalog::PcrValue& value : pcrs_) static_cast<void>(trail.first->expect(value));
    if (forks(family)) trail.forks.resize(family.count);
    fork(family, trail);
  }
}

// If i steps of the stretch remain, the first alignment's replay is now where that of alignment i is when the stretch
// ends.
void Search::fork(const Family& family, Trail& trail) {
  if (trail.forks.empty() || (family.stretch_end - index_) % family.step != 0) return;
  const std::uint64_t i = (family.stretch_end - index_) / family.step;
  if (i < family.count) trail.forks[i] = *trail.first;
}

void Search::add(const imalog::RecordContentView& content) {
  if (pcrs_.empty()) {
    ++index_;
    return;
  }
  begin_trails();
  std::vector<digest::Digest> digests;
  digests.reserve(start_.banks().size());
  for (const digest::Bank& bank : start_.banks()) digests.push_back(imalog::extended_digest(bank, content));
  for (std::size_t i = 0; i < families_.size(); ++i) {
    const Family& family = families_[i];
    Trail& trail = trails_[i];
    if (!trail.first) continue;
    if (trail.forks.empty() || index_ < family.stretch_end) {
      trail.first->add_extended(content.pcr, digests);
      continue;
    }
    for (std::optional<imalog::Replay>& each : trail.forks) each->add_extended(content.pcr, digests);
  }
  ++index_;
  for (std::size_t i = 0; i < families_.size(); ++i) {
    if (trails_[i].first && index_ <= families_[i].stretch_end) fork(families_[i], trails_[i]);
  }
}

std::vector<std::optional<Seen>> Search::seen(std::size_t family, std::uint64_t i, std::uint32_t passed_over) const {
  const Family& of = families_[family];
  const Trail& trail = trails_[family];
  const std::uint64_t known = of.first + i * of.step;
  const bool replayed = !trail.skipped && known <= records();
  std::optional<imalog::Replay> at_end;
  if (replayed && !trail.first) {
    // The list ends where the new records would begin.
    at_end.emplace(start_);
    for (const imalog::PcrValue& value : pcrs_) static_cast<void>(at_end->expect(value));
  }
  std::vector<std::optional<Seen>> all;
  for (std::size_t value = 0; value < pcrs_.size(); ++value) {
    if ((passed_over >> pcrs_[value].pcr & 1) != 0) continue;
    all.emplace_back();
    if (!replayed) continue;
    const imalog::Replay& replay = at_end ? *at_end : trail.forks.empty() ? *trail.first : *trail.forks[i];
    const auto found = replay.found_at(value);
    const std::uint64_t records_replayed = records() - known;
    if (!found || *found > records_replayed) continue;
    all.back() = Seen{.first = *found, .last = std::min(*replay.held_until(value), records_replayed)};
  }
  return all;
}

}  // namespace imakeep::keeper
