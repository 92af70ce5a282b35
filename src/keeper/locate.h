// SPDX-License-Identifier: Apache-2.0
// keeper/locate.h - finds the alignment of a list that the PCRs prove.
//
// Linux appends before it extends, under one lock. So a PCR value that was read between two counts of the list matches
// a prefix of the log. The prefix ends no earlier than one record before the first count, and no later than the second.
// A hash chain never takes the same value twice, so a value matches one prefix of one log. The archive is such a
// prefix. An alignment is proven if the replay of its new records, from the archive's end, matches every PCR within
// those counts.
//
// A family of alignments shares one replay. Within the stretch that repeats, an alignment with fewer new records
// replays the same records as one with more does at its beginning. So the replay of the one with the most new records
// tells the count after which the PCRs match. If records follow the stretch, each alignment replays these from its
// own state. The cost is linear in the list, plus the number of alignments times the records after the stretch. Search
// does not try a family that would take more than `most_extends` extends or more than kMostForks replays in memory, and
// tried() says so.
// Threads: no shared state.
#pragma once

#include "imalog/replay.h"
#include "keeper/alignment.h"

namespace imakeep::keeper {

// This many extends take a minute at most.
inline constexpr std::uint64_t kMostExtends = std::uint64_t{1} << 26;
// The most replays of one PCR of one bank that are kept in memory at once: about 100 bytes each.
inline constexpr std::uint64_t kMostForks = std::uint64_t{1} << 21;

// The prefixes of the list that the PCRs may match, by the counts of records before and after the PCRs were read.
struct Window {
  std::uint64_t least = 0;  // count of records before
  std::uint64_t most = 0;   // and after
  // The current list has records, so its last one may be in flight. No staged record is: "A" waits for an extend.
  bool may_be_in_flight = false;
  bool settled = false;  // nothing changed for so long that no extend is in flight
};

// The prefix of the list that the PCRs match.
struct Match {
  std::uint64_t until = 0;
  std::uint64_t reach = 0;  // the PCR that is furthest ahead matches from this many records on
  bool in_flight = false;   // matches only if one record's extend is in flight
};

// The counts of replayed records after which a PCR had the value: the first and the last.
struct Seen {
  std::uint64_t first = 0;
  std::uint64_t last = 0;
};

// `seen` has an entry for each PCR value. An entry is empty if the PCR never had the value. The list's first `known`
// records were not replayed. Without values the whole list matches: `records`.
std::optional<Match> match_of(std::span<const std::optional<Seen>> seen, std::uint64_t known, std::uint64_t records,
                              const Window& window);

// Follows families of alignments along one reading of the list, and looks for the PCR values `pcrs`.
class Search {
 public:
  // `start` is the state at the archive's end; its banks include those of `pcrs`. `records` is the count of records in
  // the list, as far as it is known. If the list is read for the first time, each family must have only one alignment.
  Search(digest::PcrState start, std::span<const imalog::PcrValue> pcrs, std::vector<Family> families,
         std::uint64_t records, std::uint64_t most_extends = kMostExtends);

  // Begins with the record at index `from`: the first that some family needs, or one before it.
  void begin_at(ListIndex from) { index_ = from; }
  void add(const imalog::RecordContentView& content);

  // Valid after the last record.
  const std::vector<Family>& families() const { return families_; }
  bool tried(std::size_t family) const { return !trails_[family].skipped; }
  // Of alignment `i` of the family, for each of `pcrs` but those of the PCRs `passed_over`: bit P is PCR P.
  std::vector<std::optional<Seen>> seen(std::size_t family, std::uint64_t i, std::uint32_t passed_over = 0) const;
  const std::vector<imalog::PcrValue>& pcrs() const { return pcrs_; }
  std::uint64_t records() const { return index_ - ListIndex(0); }

 private:
  // One of pcrs_ along the replay of one alignment. Small, because long runs of equal records take one of it for each.
  struct PcrTrail {
    digest::Digest now;
    std::optional<std::uint64_t> found_at = std::nullopt;  // count of replayed records after which it had the value
    std::optional<std::uint64_t> lost_at = std::nullopt;   // and after which it had it no more
  };
  // The replay of a family's first alignment, and after the stretch the replays of all its alignments.
  struct Trail {
    bool skipped = false;
    std::vector<PcrTrail> first;  // one for each of pcrs_; empty until the first new record
    std::vector<PcrTrail> forks;  // as many for each alignment; empty without forks
  };
  bool forks(const Family& family) const { return family.count > 1 && family.stretch_end < ListIndex(records_); }
  std::vector<PcrTrail> trail_at_start() const;
  void begin_trails();
  void fork(const Family& family, Trail& trail);
  // Extends one replay by a record of `pcr`. `digests` are one for each of the banks, and `replayed` counts this
  // record.
  void extend(std::span<PcrTrail> trail, std::uint32_t pcr, std::span<const digest::Digest> digests,
              std::uint64_t replayed) const;

  const digest::PcrState start_;
  const std::vector<imalog::PcrValue> pcrs_;
  const std::vector<Family> families_;
  const std::uint64_t records_;
  std::vector<std::size_t> banks_;  // of each of pcrs_, the index of its bank in start_
  std::vector<Trail> trails_;       // one for each of families_
  ListIndex index_;                 // of the next record
};

}  // namespace imakeep::keeper
