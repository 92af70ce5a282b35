// keeper/list_stream.h - the records of an IMA directory's lists as they are read, in pieces, from the staged list into
// the current one.
//
// Memory is one piece and the longest record, whatever the list's length. Threads: an object belongs to one thread.
#pragma once

#include <functional>
#include <limits>
#include <optional>

#include "imalog/record.h"
#include "keeper/ima_source.h"

namespace imakeep::keeper {

class ListStream {
 public:
  // Where a record begins.
  struct Place {
    std::size_t part = 0;  // index into the parts
    std::uint64_t offset = 0;
    std::uint64_t records = 0;  // before it, in all parts
  };

  // Reads these parts of `source`, which it borrows and which has them open, one behind the other. `progress` is told
  // now and then how many records were read.
  ListStream(ImaSource& source, std::vector<ListPart> parts, std::function<void(std::uint64_t records)> progress = {})
      : source_(source), parts_(std::move(parts)), progress_(std::move(progress)) {}

  // Ends the last part behind so many of its records, though it may grow while it is read.
  void end_last_after(std::uint64_t records) { last_ends_after_ = records; }

  // The next record, valid until the next call; nothing at the end of the last part, where later calls find what was
  // appended since. Errors: the source's; kMalformed, naming the list, record and offset, for bytes that are no record.
  Result<std::optional<imalog::RecordView>> next();

  Place place() const { return {.part = part_, .offset = offset_, .records = records_}; }
  void seek(const Place& place);

  std::uint64_t records() const { return records_; }
  // Records of the parts before the last; known once the last was begun.
  std::uint64_t records_before_last() const { return records_before_last_; }

 private:
  Result<bool> fill();         // false at the part's end
  ByteView undecoded() const;  // of what was read

  ImaSource& source_;
  const std::vector<ListPart> parts_;
  const std::function<void(std::uint64_t)> progress_;
  std::size_t part_ = 0;
  std::uint64_t offset_ = 0;   // of the next record in its part
  std::uint64_t records_ = 0;  // before it
  std::uint64_t records_before_last_ = 0;
  std::uint64_t last_ends_after_ = std::numeric_limits<std::uint64_t>::max();
  Bytes buffer_;  // its first filled_ bytes are those of the part from buffer_offset_ on
  std::size_t filled_ = 0;
  std::uint64_t buffer_offset_ = 0;
};

}  // namespace imakeep::keeper
