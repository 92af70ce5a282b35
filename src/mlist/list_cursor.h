// SPDX-License-Identifier: Apache-2.0
// mlist/list_cursor.h - reads a list as one of the files that show it, at any offset, like Linux's seq_file.
//
// A read that continues where the last read ended first returns the rest of the record that the last read had begun.
// Then it continues at a record index that it counts from where the list begins *now*. So a reader of a list that is
// trimmed meanwhile gets the same bytes as on Linux. A read at offset 0 starts again. A read at any other offset first
// finds its place by offset.
//
// Source: seq_read_iter() and traverse() in fs/seq_file.c; ima_measurements_start() and _next() in ima_fs.c.
// Threads: one thread at a time uses an object. It never blocks appenders.
#pragma once

#include "imalog/digest_batch.h"
#include "imalog/ima_directory.h"
#include "mlist/list_walk.h"

namespace imakeep::mlist {

using imalog::Form;

class ListCursor {
 public:
  // Keeps a reference to `list`. `bank` must be one of list.shown_banks().
  ListCursor(const MeasurementList& list, ListKind kind, Form form, digest::Bank bank)
      : list_(list), kind_(kind), form_(form), bank_(bank), digests_(bank) {}

  // Appends `count` bytes from `offset` to `out`; fewer only at the end of the list. kMalformed for a record without an
  // ASCII form.
  Result<void> read(std::uint64_t offset, std::size_t count, Bytes& out);

 private:
  ListWalk walk_from_index() const;
  void keep_place(const ListWalk& walk);
  void drop_leftover();
  Result<void> seek(ListWalk& walk, std::uint64_t offset);
  Result<std::uint64_t> chunk_bytes(const Chunk& chunk, const ListWalk& walk);
  // Appends the record without its digest. fill_in_digests() computes the digests of several records together. Borrows
  // the body until then.
  Result<void> show(Bytes& out, const imalog::RecordContentView& content);
  void fill_in_digests(Bytes& out);
  void forget_digests();

  const MeasurementList& list_;
  const ListKind kind_;
  const Form form_;
  const digest::Bank bank_;

  std::uint64_t read_pos_ = 0;  // offset at which a plain read continues
  std::uint64_t index_ = 0;     // of the next record, counted from the list's begin
  Bytes leftover_;              // rest of a record that the last read began, from leftover_at_ on
  std::size_t leftover_at_ = 0;
  std::string line_;
  imalog::DigestBatch digests_;
  std::vector<std::size_t> digest_places_;  // offsets in the output, one for each of digests_

  // The place of record number place_record_, if its memory still exists. Not owned: deleted records must be freed.
  std::weak_ptr<const Chunk> place_chunk_;
  std::size_t place_offset_ = 0;
  std::uint64_t place_record_ = 0;
};

}  // namespace imakeep::mlist
