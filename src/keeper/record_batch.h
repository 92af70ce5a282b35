// SPDX-License-Identifier: Apache-2.0
// keeper/record_batch.h - records that the next commit archives. The batch copies them, because the next read of
// the list invalidates them. Threads: an object belongs to one thread at a time.
#pragma once

#include "archive/archive.h"

namespace imakeep::keeper {

class RecordBatch {
 public:
  void add(const imalog::RecordContentView& content, ByteView shown);
  void clear();

  std::size_t size() const { return entries_.size(); }
  // A full batch is committed at once: it is large enough to make the sync cheap, and small enough to keep in memory.
  bool full() const { return bytes_.size() >= (4u << 20); }

  // Valid until the next call of add() or clear().
  std::vector<archive::IncomingView> views() const;

 private:
  struct Entry {
    std::uint32_t pcr;
    bool violation;
    std::size_t name, body, shown, end;  // offsets in bytes_
  };
  std::vector<Entry> entries_;
  Bytes bytes_;
};

}  // namespace imakeep::keeper
