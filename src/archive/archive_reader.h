// archive/archive_reader.h - reads records of a chain by number, and steps over what is damaged.
//
// Each segment is read by itself, so a reader holds up no writer, and sees what was added meanwhile.
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

// Records that cannot be read, and why.
struct Damage {
  std::uint64_t first = 0;
  std::uint64_t records = 0;
  std::string what;
};

class ArchiveReader {
 public:
  // From record `from` to before record `to`. Keeps a reference to the store.
  ArchiveReader(Store& store, const Chain& chain, std::uint64_t from, std::uint64_t to)
      : store_(store), chain_(chain.chain), next_(from), end_(to) {}

  struct Step {
    std::optional<NumberedRecord> record;
    std::optional<Damage> damage;  // what was stepped over
    bool done() const { return !record && !damage; }
  };
  // The next record, the next damage, or neither after the last. Errors are the store's, but for kMalformed.
  Result<Step> next();

  // Records that lie in one segment, so that they can be looked at together.
  struct Run {
    std::uint64_t first = 0;              // the number of the first
    std::span<const RecordView> records;  // valid until the next call
    std::optional<Damage> damage;         // what was stepped over: then there are no records
    bool done() const { return records.empty() && !damage; }
  };
  // The records up to the end of their segment; otherwise as next(), behind which it goes on.
  Result<Run> next_run();

 private:
  Result<std::optional<Damage>> load();
  std::optional<Damage> decode(const SegmentRow& row);
  Result<std::optional<SegmentRow>> find_segment(std::string& why);
  Damage skip_to(std::uint64_t number, std::string what);

  Store& store_;
  const std::uint64_t chain_;
  std::uint64_t next_;  // the record that is read next
  const std::uint64_t end_;
  Bytes payload_;
  std::vector<RecordView> records_;  // of the loaded segment, from the first that was asked for
  std::size_t at_ = 0;               // in records_: where next_ is
  // What follows records_ in their segment and cannot be read.
  struct Broken {
    std::uint64_t to = 0;  // behind the segment's last record
    std::string why;
  };
  std::optional<Broken> broken_;
};

}  // namespace imakeep::archive
