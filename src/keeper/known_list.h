// SPDX-License-Identifier: Apache-2.0
// keeper/known_list.h - the records that the kernel's list should hold, as the archive has them.
// Threads: an object belongs to one thread at a time.
#pragma once

#include "archive/archive_reader.h"
#include "keeper/list_shape.h"

namespace imakeep::keeper {

class KnownList {
 public:
  // The records of `shape`, from its head to the chain's end. Keeps a reference to the store.
  KnownList(archive::Store& store, const archive::Chain& chain, const ListShape& shape)
      : store_(store), chain_(chain), shape_(shape), records_(shape.records(RecordNumber(chain.end))) {}

  std::uint64_t records() const { return records_; }

  // The next record, valid until the next call; empty after the last. kMalformed if the record is damaged; the next
  // call then goes on after it.
  Result<std::optional<imalog::RecordContentView>> next();

 private:
  archive::Store& store_;
  const archive::Chain chain_;
  const ListShape shape_;
  const std::uint64_t records_;
  ListIndex index_;        // of the record that is returned next
  RecordNumber reads_at_;  // the number of the record that reader_ gives next
  std::optional<archive::ArchiveReader> reader_;
};

}  // namespace imakeep::keeper
