// SPDX-License-Identifier: Apache-2.0
// mlist/list_walk.h - walks the records of a list from a snapshot on, while other threads append to it.
// Threads: one thread at a time uses an object.
#pragma once

#include <optional>
#include <vector>

#include "mlist/measurement_list.h"

namespace imakeep::mlist {

class ListWalk {
 public:
  // Keeps a reference to `list`, and keeps the records of the snapshot in memory.
  ListWalk(const MeasurementList& list, ListSnapshot from) : list_(&list), at_(std::move(from)) {}

  // Returns the next record; empty at the end of the list. After the end, a later call returns records that were
  // appended since. The views are valid until the next call.
  std::optional<imalog::RecordContentView> next();

  // Returns the next chunk if the walk is at its start and the chunk is sealed; else null. pass_chunk() then skips it.
  // So a caller can skip without a look at every record.
  const Chunk* whole_chunk();
  void pass_chunk();

  // Skips `records` records, or up to the end. Returns the count of missing records.
  std::uint64_t skip(std::uint64_t records);

  // The position of the next record: a snapshot of the rest.
  const ListSnapshot& position() const { return at_; }

 private:
  bool at_record();

  const MeasurementList* list_;
  ListSnapshot at_;
  std::vector<std::string_view> names_;  // by template ID; each is looked up once
};

}  // namespace imakeep::mlist
