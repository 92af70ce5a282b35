// keeper/record_batch.h - records on their way into the archive: copies, for what a list shows is gone with the next
// read. Threads: an object belongs to one thread at a time.
#pragma once

#include "archive/archive.h"

namespace imakeep::keeper {

class RecordBatch {
 public:
  void add(const imalog::RecordContentView& content, ByteView shown);
  void clear();

  std::size_t size() const { return entries_.size(); }
  // So much is committed at once: enough to make the sync cheap, little enough to keep in memory.
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
