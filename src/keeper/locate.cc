// SPDX-License-Identifier: Apache-2.0
#include "keeper/locate.h"

#include <algorithm>

#include "imalog/extend_rule.h"

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
  // The caller promises that `start` has the banks of `pcrs`.
  for (const imalog::PcrValue& value : pcrs_) banks_.push_back(*start_.index_of(value.bank));
  std::uint64_t extends = 0;
  std::uint64_t most_forks = pcrs_.empty() ? kMostForks : kMostForks / pcrs_.size();
  for (std::size_t i = 0; i < families_.size(); ++i) {
    if (!forks(families_[i])) continue;
    const std::uint64_t count = families_[i].count;
    const std::uint64_t tail = ListIndex(records_) - families_[i].stretch_end;
    trails_[i].skipped = count > (most_extends - extends) / tail || count > most_forks;
    if (trails_[i].skipped) continue;
    extends += count * tail;
    most_forks -= count;
  }
}

std::vector<Search::PcrTrail> Search::trail_at_start() const {
  std::vector<PcrTrail> trail;
  trail.reserve(pcrs_.size());
  for (std::size_t value = 0; value < pcrs_.size(); ++value) {
    trail.push_back({.now = start_.value(banks_[value], pcrs_[value].pcr)});
    if (trail.back().now == pcrs_[value].value) trail.back().found_at = 0;
  }
  return trail;
}

// Begins the families whose new records begin at index_.
void Search::begin_trails() {
  for (std::size_t i = 0; i < families_.size(); ++i) {
    const Family& family = families_[i];
    Trail& trail = trails_[i];
    if (trail.skipped || !trail.first.empty() || ListIndex(family.first) != index_) continue;
    trail.first = trail_at_start();
    if (forks(family)) trail.forks.resize(family.count * pcrs_.size());
    fork(family, trail);
  }
}

// If i steps of the stretch remain, the first alignment's replay is now where that of alignment i is when the stretch
// ends.
void Search::fork(const Family& family, Trail& trail) {
  if (trail.forks.empty() || (family.stretch_end - index_) % family.step != 0) return;
  const std::uint64_t i = (family.stretch_end - index_) / family.step;
  if (i >= family.count) return;
  std::ranges::copy(trail.first, trail.forks.begin() + static_cast<std::ptrdiff_t>(i * pcrs_.size()));
}

void Search::extend(std::span<PcrTrail> trail, std::uint32_t pcr, std::span<const digest::Digest> digests,
                    std::uint64_t replayed) const {
  for (std::size_t value = 0; value < trail.size(); ++value) {
    if (pcrs_[value].pcr != pcr) continue;
    PcrTrail& of = trail[value];
    of.now = digest::extend(pcrs_[value].bank.algorithm, of.now, digests[banks_[value]]);
    const bool matches = of.now == pcrs_[value].value;
    if (matches && !of.found_at) of.found_at = replayed;
    if (!matches && of.found_at && !of.lost_at) of.lost_at = replayed;
  }
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
  ++index_;
  for (std::size_t family = 0; family < families_.size(); ++family) {
    const Family& of = families_[family];
    Trail& trail = trails_[family];
    if (trail.first.empty()) continue;
    if (trail.forks.empty() || index_ <= of.stretch_end) {
      extend(trail.first, content.pcr, digests, index_ - ListIndex(of.first));
      if (index_ <= of.stretch_end) fork(of, trail);
      continue;
    }
    for (std::uint64_t i = 0; i < of.count; ++i) {
      const auto alignment = std::span(trail.forks).subspan(i * pcrs_.size(), pcrs_.size());
      extend(alignment, content.pcr, digests, index_ - ListIndex(of.first + i * of.step));
    }
  }
}

std::vector<std::optional<Seen>> Search::seen(std::size_t family, std::uint64_t i, std::uint32_t passed_over) const {
  const Family& of = families_[family];
  const Trail& trail = trails_[family];
  const std::uint64_t known = of.first + i * of.step;
  const bool tried = !trail.skipped && known <= records();
  const std::uint64_t replayed = tried ? records() - known : 0;
  std::vector<PcrTrail> at_start;  // if the list ends where the new records would begin
  if (trail.first.empty()) at_start = trail_at_start();
  std::span<const PcrTrail> values = trail.first.empty() ? at_start : trail.first;
  if (!trail.forks.empty()) values = std::span(trail.forks).subspan(i * pcrs_.size(), pcrs_.size());
  std::vector<std::optional<Seen>> all;
  for (std::size_t value = 0; value < pcrs_.size(); ++value) {
    if ((passed_over >> pcrs_[value].pcr & 1) != 0) continue;
    all.emplace_back();
    const auto found = values[value].found_at;
    if (!tried || !found || *found > replayed) continue;
    const std::uint64_t last = values[value].lost_at ? *values[value].lost_at - 1 : replayed;
    all.back() = Seen{.first = *found, .last = std::min(last, replayed)};
  }
  return all;
}

}  // namespace imakeep::keeper
