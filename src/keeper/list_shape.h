// keeper/list_shape.h - which of a chain's records the kernel's list holds.
//
//   chain   0 ........ head ..... hole ..... end
//   list                [=======]      [=====]
// The list is the chain's end from its head on. A hole is of records that are archived and proven but not in the list
// any more: a kexec dropped them because its segment was too small, or "N" deleted them while those before were staged.
// Threads: values.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"

namespace imakeep::keeper {

struct Range {
  std::uint64_t first = 0;
  std::uint64_t end = 0;  // behind the last

  friend bool operator==(const Range&, const Range&) = default;
};

class ListShape {
 public:
  explicit ListShape(std::uint64_t head = 0, std::vector<Range> holes = {}) : head_(head), holes_(std::move(holes)) {}
  // `holes` as hole_text() writes them. kMalformed for anything else.
  static Result<ListShape> parse(std::uint64_t head, std::string_view holes);

  std::uint64_t head() const { return head_; }
  const std::vector<Range>& holes() const { return holes_; }  // by number, none empty, none touching the next or head
  std::string hole_text() const;                              // "5-7,9-12": records 5, 6 and 9, 10, 11

  // How many records of the chain before `end` it holds.
  std::uint64_t records(std::uint64_t end) const;
  // The number of its record at `index`, counted from its head.
  std::uint64_t number_at(std::uint64_t index) const;
  // The first `records` were deleted.
  void advance(std::uint64_t records);
  // It lost `range`, which lies at its head or behind; holes within are parts of it.
  void add_hole(Range range);

  friend bool operator==(const ListShape&, const ListShape&) = default;

 private:
  std::uint64_t head_;
  std::vector<Range> holes_;
};

}  // namespace imakeep::keeper
