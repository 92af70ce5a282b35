// SPDX-License-Identifier: Apache-2.0
// query/record_times.h - when records were archived.
//
// The archive keeps one time a segment: when the segment's first record was added. So a record was archived at the time
// of its segment or later, and not after the time of the next segment. Threads: one thread at a time.
#pragma once

#include <vector>

#include "archive/archive.h"

namespace imakeep::query {

struct ArchivedBetween {
  std::int64_t not_before_s = 0;
  std::optional<std::int64_t> not_after_s;  // none for records of a chain's last segment

  // Whether the record can have been archived within [since, until]. If somebody set the clock back, `not_after_s` may
  // be less than `not_before_s`; then both are bounds all the same.
  bool overlaps(std::optional<std::int64_t> since_s, std::optional<std::int64_t> until_s) const;
};

class RecordTimes {
 public:
  // Keeps a reference to the store.
  explicit RecordTimes(archive::Store& store) : store_(store) {}

  // Reads rows only for the first record of a segment. kMalformed if no segment holds the record. Other errors: the
  // store's.
  Result<ArchivedBetween> of(archive::ChainId chain, std::uint64_t number);
  // Reads the rows anew: a chain that grows gets a next segment.
  void forget() { known_.reset(); }

 private:
  struct Known {
    archive::ChainId chain = {};
    std::uint64_t first = 0;
    std::uint64_t end = 0;
    ArchivedBetween between;
  };

  archive::Store& store_;
  std::optional<Known> known_;
};

// Numbers of records, from `from` up to but not including `to`.
struct NumberRange {
  std::uint64_t from = 0;
  std::uint64_t to = 0;

  friend bool operator==(const NumberRange&, const NumberRange&) = default;
};

// The kept records of the chain that can have been archived within [since, until], in ascending order, found without
// reading a record. Ranges that touch are one.
Result<std::vector<NumberRange>> archived_within(archive::Store& store, const archive::Chain& chain,
                                                 std::optional<std::int64_t> since_s,
                                                 std::optional<std::int64_t> until_s);

}  // namespace imakeep::query
