// SPDX-License-Identifier: Apache-2.0
#include "keeper/set_back.h"

#include <algorithm>
#include <deque>

#include "archive/archive_reader.h"

namespace imakeep::keeper {
namespace {

// The most replays that run together, and the most records that they replay in all.
constexpr std::size_t kMostReplays = 4096;
constexpr std::uint64_t kMostReplayed = std::uint64_t{1} << 22;
// The most records that are replayed if every place is tried. The limit is lower because the keeper looks at a list
// that does not match again and again.
constexpr std::uint64_t kMostReplayedEverywhere = std::uint64_t{1} << 14;

// The most archived records after a place that are compared with the list.
constexpr std::size_t kMostRest = std::size_t{1} << 16;

class SetBackFinder {
 public:
  SetBackFinder(archive::Store& store, const archive::Chain& chain, RecordNumber from, const digest::PcrState& start,
                ListStream& stream, const RecordSummary& list, std::span<const imalog::PcrValue> pcrs,
                const Window& window)
      : store_(store),
        chain_(chain),
        from_(from),
        end_(chain.end),
        start_(start),
        stream_(stream),
        list_(list),
        pcrs_(pcrs),
        window_(window) {}

  Result<SetBackSearch> find() {
    SetBackSearch search;
    Search along(start_, pcrs_, {Family{}}, 0);
    archive::PrefixMatcher matcher(list_.ids);
    const auto whole = each_record([&](const archive::RecordView& record) {
      along.add(record.content);
      const archive::RecordId id = archive::record_id(record.content);
      note_end(matcher.next(id));
      if (first_ids_.size() <= kMostReplays) first_ids_.push_back(id);
      last_records_.push_back(
          {.id = id, .violation = record.content.violation, .pcr = static_cast<std::uint8_t>(record.content.pcr)});
      if (last_records_.size() > kMostRest) last_records_.pop_front();
    });
    if (!whole) return unexpected(whole.error());
    if (!*whole) return search;
    if (const auto at = stands_at(along)) {
      if (from_ + *at < end_) search.found = SetBack{.at = from_ + *at, .went_on = 0};
      return search;
    }
    return went_on();
  }

 private:
  // The archive's records before number `end` may be the list's first `known` records, and the list may go on from
  // there with other records.
  struct Place {
    RecordNumber end;
    std::uint64_t known = 0;
  };

  struct ArchivedRecord {
    archive::RecordId id;
    bool violation = false;
    std::uint8_t pcr = 0;
  };

  // Visits the archive's records. Returns false if some are damaged.
  template <class Visit>
  Result<bool> each_record(const Visit& visit) {
    archive::ArchiveReader reader(store_, chain_, from_.value(), end_.value());
    for (;;) {
      IMAKEEP_TRY(const auto& step, reader.next());
      if (step.done()) return true;
      if (step.damage) return false;
      visit(step.record->record);
    }
  }

  // The record that was read last ends a run of `length` records that are the list's first.
  void note_end(std::size_t length) {
    ++records_read_;
    if (length < longest_run_) return;
    if (length > longest_run_) run_ends_.clear();
    longest_run_ = length;
    if (run_ends_.size() <= kMostReplays) run_ends_.push_back(records_read_);
  }

  // The first count of records after which all PCRs had their values at once; empty without such a count.
  static std::optional<std::uint64_t> stands_at(const Search& along) {
    Seen all{.first = 0, .last = along.records()};
    for (const std::optional<Seen>& seen : along.seen(0, 0)) {
      if (!seen) return std::nullopt;
      all = {.first = std::max(all.first, seen->first), .last = std::min(all.last, seen->last)};
    }
    if (all.first > all.last) return std::nullopt;
    return all.first;
  }

  // For each place at which the archive holds the list's first records, replays the list's other records from there.
  Result<SetBackSearch> went_on() {
    SetBackSearch search;
    take_every_place();
    search.tried_all = first_ids_.size() <= kMostReplays && can_be_tried(kMostReplayedEverywhere);
    if (!search.tried_all) {
      take_longest();
      if (!can_be_tried(kMostReplayed)) return search;
    }
    if (places_.empty()) return search;
    IMAKEEP_TRY(auto replays, replays_at_places());
    stream_.seek({});
    for (std::uint64_t index = 0; index < list_.ids.size(); ++index) {
      IMAKEEP_TRY(const auto& record, stream_.next());
      if (!record) break;
      for (std::size_t i = 0; i < places_.size(); ++i) {
        if (index >= places_[i].known) replays[i].add(record->content());
      }
    }
    for (std::size_t i = 0; i < places_.size(); ++i) {
      const Place& place = places_[i];
      if (!match_of(replays[i].seen(0, 0), place.known, list_.ids.size(), window_)) continue;
      if (list_holds_rest(place)) continue;
      search.found = SetBack{.at = place.end, .went_on = list_.ids.size() - place.known};
      break;
    }
    if (search.found) search.tried_all = true;
    return search;
  }

  // True if the list after the place contains all archived records after it, in order, and between them
  // only violations. Two violations of one PCR count as equal, because they extend the PCR alike. Then the list lost a
  // violation unseen, or shows one altered, and an equal extend took its place: no proof that the machine was set back.
  bool list_holds_rest(const Place& place) const {
    const std::uint64_t rest = end_ - place.end;
    if (rest > last_records_.size()) return false;
    std::size_t listed = place.known;
    for (std::size_t i = last_records_.size() - rest; i < last_records_.size(); ++i, ++listed) {
      while (listed < list_.ids.size() && !extend_alike(last_records_[i], listed)) {
        if (!list_.violations[listed]) return false;
        ++listed;
      }
      if (listed == list_.ids.size()) return false;
    }
    return true;
  }

  bool extend_alike(const ArchivedRecord& archived, std::size_t listed) const {
    const bool violations = archived.violation && list_.violations[listed];
    return archived.id == list_.ids[listed] || (violations && archived.pcr == list_.pcrs[listed]);
  }

  bool can_be_tried(std::uint64_t most_replayed) const {
    std::uint64_t replayed = 0;
    for (const Place& place : places_) replayed += list_.ids.size() - place.known;
    return places_.size() <= kMostReplays && replayed <= most_replayed;
  }

  // The list may begin at any record of the archive. It goes on with the archive's records as far as both are equal.
  void take_every_place() {
    for (std::size_t begin = 0; begin < first_ids_.size(); ++begin) {
      std::size_t known = 0;
      const std::size_t most = std::min(first_ids_.size() - begin, list_.ids.size());
      while (known < most && first_ids_[begin + known] == list_.ids[known]) ++known;
      add_place(begin + known, known);
    }
    std::ranges::stable_sort(places_, {}, &Place::end);
  }

  // Takes only the places at which the archive holds the longest beginning of the list.
  void take_longest() {
    places_.clear();
    if (longest_run_ == 0) add_place(0, 0);
    for (const std::uint64_t end : run_ends_) add_place(end, longest_run_);
  }

  // `end` counts from the first record that is replayed.
  void add_place(std::uint64_t end, std::uint64_t known) {
    if (from_ + end < end_ && known < list_.ids.size()) places_.push_back({.end = from_ + end, .known = known});
  }

  Result<std::vector<Search>> replays_at_places() {
    std::vector<Search> replays;
    replays.reserve(places_.size());
    digest::PcrState state = start_;
    RecordNumber at = from_;
    const auto begin = [&] {
      while (replays.size() < places_.size() && places_[replays.size()].end == at) {
        const std::uint64_t known = places_[replays.size()].known;
        replays.emplace_back(state, pcrs_, std::vector{Family{.first = known}}, 0);
        replays.back().begin_at(ListIndex(known));
      }
    };
    begin();
    const auto read = each_record([&](const archive::RecordView& record) {
      archive::extend(state, record);
      ++at;
      begin();
    });
    if (!read) return unexpected(read.error());
    return replays;
  }

  archive::Store& store_;
  const archive::Chain& chain_;
  const RecordNumber from_;
  const RecordNumber end_;  // of the chain
  const digest::PcrState& start_;
  ListStream& stream_;
  const RecordSummary& list_;
  const std::span<const imalog::PcrValue> pcrs_;
  const Window& window_;
  std::uint64_t records_read_ = 0;            // of the archive
  std::size_t longest_run_ = 0;               // count of the list's first records that the archive holds in a row
  std::vector<std::uint64_t> run_ends_;       // for each run of that length, the count of records read at its end
  std::vector<archive::RecordId> first_ids_;  // of the records read; if the archive is long, one more than can be tried
  std::deque<ArchivedRecord> last_records_;   // the last kMostRest records read
  std::vector<Place> places_;                 // sorted by end
};

}  // namespace

Result<SetBackSearch> find_set_back(archive::Store& store, const archive::Chain& chain, RecordNumber from,
                                    const digest::PcrState& start, ListStream& stream, const RecordSummary& list,
                                    std::span<const imalog::PcrValue> pcrs, const Window& window) {
  return SetBackFinder(store, chain, from, start, stream, list, pcrs, window).find();
}

}  // namespace imakeep::keeper
