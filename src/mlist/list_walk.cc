// SPDX-License-Identifier: Apache-2.0
#include "mlist/list_walk.h"

namespace imakeep::mlist {

// Moves to the chunk with the next record. Reads sealed() before end(), because a chunk's end is final only after it is
// sealed.
bool ListWalk::at_record() {
  while (at_.chunk) {
    const bool sealed = at_.chunk->sealed();
    if (at_.offset < at_.chunk->end()) return true;
    if (!sealed) return false;
    std::shared_ptr<const Chunk> next = at_.chunk->next();
    at_.chunk = std::move(next);
    at_.offset = 0;
  }
  return false;
}

std::optional<imalog::RecordContentView> ListWalk::next() {
  if (!at_record()) return std::nullopt;
  const StoredRecordView record = at_.chunk->record_at(at_.offset);
  ++at_.first_record;
  while (names_.size() <= record.template_id) {
    names_.push_back(list_->template_name(static_cast<std::uint16_t>(names_.size())));
  }
  return imalog::RecordContentView{.pcr = record.pcr,
                                   .template_name = names_[record.template_id],
                                   .body = record.body,
                                   .violation = record.violation};
}

const Chunk* ListWalk::whole_chunk() {
  const bool whole = at_record() && at_.offset == 0 && at_.chunk->sealed();
  return whole ? at_.chunk.get() : nullptr;
}

void ListWalk::pass_chunk() {
  at_.first_record += at_.chunk->extent().records;
  at_.offset = at_.chunk->end();
}

std::uint64_t ListWalk::skip(std::uint64_t records) {
  while (records > 0) {
    if (const Chunk* chunk = whole_chunk(); chunk != nullptr && chunk->extent().records <= records) {
      records -= chunk->extent().records;
      pass_chunk();
    } else if (next()) {
      --records;
    } else {
      break;
    }
  }
  return records;
}

}  // namespace imakeep::mlist
