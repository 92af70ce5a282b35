// SPDX-License-Identifier: Apache-2.0
// keeper/list_stream.h - reads the records of an IMA directory's lists, piece by piece, the staged list before the
// current one.
//
// Needs memory for one piece and the longest record, whatever the list's length. Threads: an object belongs to one
// thread.
#pragma once

#include <functional>
#include <limits>
#include <optional>

#include "imalog/record.h"
#include "keeper/ima_source.h"
#include "keeper/list_index.h"

namespace imakeep::keeper {

class ListStream {
 public:
  // The position at which a record begins.
  struct Place {
    std::size_t part = 0;  // index into the parts
    std::uint64_t offset = 0;
    std::uint64_t records = 0;  // count of records before it, in all parts
  };

  // Reads these parts of `source`, one after the other. Borrows `source`, which has them open. `progress` is called now
  // and then with the count of records read.
  ListStream(ImaSource& source, std::vector<ListPart> parts, std::function<void(std::uint64_t records)> progress = {})
      : source_(source), parts_(std::move(parts)), progress_(std::move(progress)) {}

  // Ends the last part after `records` of its records, even if it grows while it is read.
  void end_last_after(std::uint64_t records) { last_ends_after_ = records; }

  // The next record, valid until the next call. Empty at the end of the last part; later calls then find the records
  // that were appended since. Errors: the source's; kMalformed, naming the list, record and offset, for bytes that are
  // no record.
  Result<std::optional<imalog::RecordView>> next();

  Place place() const { return {.part = part_, .offset = offset_, .records = records_}; }
  void seek(const Place& place);

  std::uint64_t records() const { return records_; }
  // Of the next record, in all parts.
  ListIndex index() const { return ListIndex(records_); }
  ByteOrder order() const { return source_.order(); }
  // The PCRs that the records read so far name, also those read before a seek: bit P is PCR P.
  std::uint32_t named_pcrs() const { return named_pcrs_; }
  // The count of records in the parts before the last; known once the last part was begun.
  std::uint64_t records_before_last() const { return records_before_last_; }

 private:
  Result<bool> fill();         // false at the part's end
  ByteView undecoded() const;  // of the bytes that were read

  ImaSource& source_;
  const std::vector<ListPart> parts_;
  const std::function<void(std::uint64_t)> progress_;
  std::size_t part_ = 0;
  std::uint64_t offset_ = 0;   // of the next record in its part
  std::uint64_t records_ = 0;  // count of records before it
  std::uint32_t named_pcrs_ = 0;
  std::uint64_t records_before_last_ = 0;
  std::uint64_t last_ends_after_ = std::numeric_limits<std::uint64_t>::max();
  Bytes buffer_;  // its first filled_ bytes are the part's bytes from buffer_offset_ on
  std::size_t filled_ = 0;
  std::uint64_t buffer_offset_ = 0;
  std::size_t piece_ = 8192;  // bytes to ask for at once; grows while the source gives as many
};

}  // namespace imakeep::keeper
