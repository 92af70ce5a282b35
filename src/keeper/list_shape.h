// SPDX-License-Identifier: Apache-2.0
// keeper/list_shape.h - which of a chain's records the kernel's list holds.
//
//   chain   0 ........ head .... missing ... end
//   list                [=======]      [=====]
// The list holds the chain's records from its head to the chain's end, but for the missing ranges (missing()). The
// records of a missing range are archived and proven, but not in the list any more. Either a kexec dropped them because
// its segment was too small, or "N" deleted them while the records before them were staged. Threads: values.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "keeper/list_index.h"

namespace imakeep::keeper {

// Consecutive records of a chain.
struct Range {
  RecordNumber first = {};
  RecordNumber end = {};  // after the last

  std::uint64_t records() const { return end - first; }

  friend bool operator==(const Range&, const Range&) = default;
};

class ListShape {
 public:
  explicit ListShape(RecordNumber head = RecordNumber(0), std::vector<Range> missing = {})
      : head_(head), missing_(std::move(missing)) {}
  // `missing` has the form of missing_text(). kMalformed for anything else.
  static Result<ListShape> parse(RecordNumber head, std::string_view missing);

  RecordNumber head() const { return head_; }
  // By number. No range is empty, and none touches the next one or the head.
  const std::vector<Range>& missing() const { return missing_; }
  std::string missing_text() const;  // "5-7,9-12": records 5, 6 and 9, 10, 11

  // How many of the chain's records before number `end` the list holds.
  std::uint64_t records(RecordNumber end) const;
  // The number of the list's record at `index`.
  RecordNumber number_at(ListIndex index) const;
  // The first `records` records of the list were deleted.
  void advance(std::uint64_t records);
  // The list lost `range`, which begins at the head or after it. Missing ranges within `range` become part of it.
  void add_missing(Range range);

  friend bool operator==(const ListShape&, const ListShape&) = default;

 private:
  RecordNumber head_;
  std::vector<Range> missing_;
};

}  // namespace imakeep::keeper
