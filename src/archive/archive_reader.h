// SPDX-License-Identifier: Apache-2.0
// archive/archive_reader.h - reads records of a chain by number, and skips damaged ones.
//
// The reader reads each segment on its own. So it blocks no writer, and sees what a writer adds meanwhile.
// Threads: an object belongs to one thread at a time.
#pragma once

#include <span>
#include <vector>

#include "archive/archive.h"

namespace imakeep::archive {

struct NumberedRecord {
  std::uint64_t number = 0;
  RecordView record;  // valid until the next call
};

// Records that cannot be read, and the reason.
struct Damage {
  std::uint64_t first = 0;
  std::uint64_t records = 0;
  std::string what;
};

class ArchiveReader {
 public:
  // Reads from record `from` up to but not including record `to`. Keeps a reference to the store.
  ArchiveReader(Store& store, const Chain& chain, std::uint64_t from, std::uint64_t to)
      : store_(store), chain_(chain.chain), next_(from), end_(to) {}

  struct Step {
    std::optional<NumberedRecord> record;
    std::optional<Damage> damage;  // what was skipped
    bool done() const { return !record && !damage; }
  };
  // The next record, the next damage, or neither after the last. Errors: the store's, except kMalformed, which is
  // returned as damage.
  Result<Step> next();

  // Records of one segment, so that a caller can process them together.
  struct Run {
    std::uint64_t first = 0;              // number of the first record, or of the first damaged one
    std::span<const RecordView> records;  // valid until the next call
    std::optional<Damage> damage;         // what was skipped; then `records` is empty
    bool done() const { return records.empty() && !damage; }
  };
  // The next records, up to the end of their segment; otherwise like next(). The two may be mixed: each continues after
  // the last record that either returned.
  Result<Run> next_run();

 private:
  Result<std::optional<Damage>> load();
  std::optional<Damage> decode(const SegmentRow& row);
  Result<std::optional<SegmentRow>> find_segment(std::string& why);
  Damage skip_to(std::uint64_t number, std::string what);

  Store& store_;
  const ChainId chain_;
  std::uint64_t next_;  // number of the record that is returned next
  const std::uint64_t end_;
  Bytes payload_;
  std::vector<RecordView> records_;  // of the loaded segment, from the first that was asked for
  std::size_t at_ = 0;               // index of record next_ in records_
  // The rest of the segment after records_, which cannot be read.
  struct Broken {
    std::uint64_t to = 0;  // number after the segment's last record
    std::string why;
  };
  std::optional<Broken> broken_;
};

}  // namespace imakeep::archive
