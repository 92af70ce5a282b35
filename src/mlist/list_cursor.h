// mlist/list_cursor.h - reads a list as one of the files that show it, at any offset, as Linux's seq_file would.
//
// A read that goes on where the last one ended continues by record number, counted from where the list begins *now*,
// after the rest of a record that the last read had begun. So a reader that somebody trims under its hands gets what it
// would get from Linux. A read from 0 starts afresh; one from anywhere else first finds its place by offset.
//
// Source: seq_read_iter() and traverse() in fs/seq_file.c; ima_measurements_start() and _next() in ima_fs.c.
// Threads: an object belongs to one thread at a time. Appenders are never blocked.
#pragma once

#include "imalog/digest_batch.h"
#include "mlist/list_walk.h"

namespace imakeep::mlist {

enum class Form : std::uint8_t { kBinary, kAscii };

class ListCursor {
 public:
  // Keeps a reference to `list`. `bank` is one of list.shown_banks().
  ListCursor(const MeasurementList& list, ListKind kind, Form form, digest::Bank bank)
      : list_(list), kind_(kind), form_(form), bank_(bank), digests_(bank) {}

  // Appends `count` bytes from `offset` to `out`, fewer only where the list ends. kMalformed for a record that has no
  // ASCII form.
  Result<void> read(std::uint64_t offset, std::size_t count, Bytes& out);

 private:
  ListWalk walk_from_index() const;
  Result<void> seek(ListWalk& walk, std::uint64_t offset);
  Result<std::uint64_t> chunk_bytes(const Chunk& chunk, const ListWalk& walk);
  // Appends the record, but for its digest, which fill_in_digests() computes together with others'. Borrows the body
  // until then.
  Result<void> show(Bytes& out, const imalog::RecordContentView& content);
  void fill_in_digests(Bytes& out);
  void forget_digests();

  const MeasurementList& list_;
  const ListKind kind_;
  const Form form_;
  const digest::Bank bank_;

  std::uint64_t read_pos_ = 0;  // where a plain read goes on
  std::uint64_t index_ = 0;     // of the next record, counted from the list's begin
  Bytes leftover_;              // what the last read left of a record
  std::string line_;
  imalog::DigestBatch digests_;
  std::vector<std::size_t> digest_places_;  // in what was shown, one for each of digests_

  // Where record number place_record_ lies, if that memory still is. Not owned: what is deleted must be freed.
  std::weak_ptr<const Chunk> place_chunk_;
  std::size_t place_offset_ = 0;
  std::uint64_t place_record_ = 0;
};

}  // namespace imakeep::mlist
