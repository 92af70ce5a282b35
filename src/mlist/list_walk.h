// mlist/list_walk.h - walks the records of a list from a snapshot on, while others append to it.
// Threads: an object belongs to one thread at a time.
#pragma once

#include <optional>
#include <vector>

#include "mlist/measurement_list.h"

namespace imakeep::mlist {

class ListWalk {
 public:
  // Keeps a reference to `list`, and the records of the snapshot in memory.
  ListWalk(const MeasurementList& list, ListSnapshot from) : list_(&list), at_(std::move(from)) {}

  // The next record, or nothing at the list's end, where later calls find what was appended since. The views are good
  // until the next call.
  std::optional<imalog::RecordContentView> next();

  // The whole chunk that comes next, if the walk stands at the start of one that will not change; pass_chunk() goes
  // behind it. For skipping without looking at every record.
  const Chunk* whole_chunk();
  void pass_chunk();

  // Goes `records` on, or to the end. Returns how many it did not find.
  std::uint64_t skip(std::uint64_t records);

  // Where next() goes on: a snapshot of what is left.
  const ListSnapshot& position() const { return at_; }

 private:
  bool at_record();

  const MeasurementList* list_;
  ListSnapshot at_;
  std::vector<std::string_view> names_;  // by template id, looked up once
};

}  // namespace imakeep::mlist
