// imalog/list_reader.h - walks the records of a whole binary measurement list.
//
// Threads: an object belongs to one thread at a time.
#pragma once

#include "imalog/record.h"

namespace imakeep::imalog {

class ListReader {
 public:
  // Borrows `list`; the records given out point into it.
  ListReader(ByteView list, RecordFormat format) : list_(list), format_(format) {}
  ListReader(Bytes&&, RecordFormat) = delete;

  // The next record, valid until the next call, or nullptr after the last. Errors are decode_record()'s, with
  // Error::offset counted from the start of the list and Error::record set; kTruncated then means a list that ends
  // within a record. After an error every further call gives the same error.
  Result<const RecordView*> next();

  bool at_end() const { return offset_ == list_.size(); }
  std::uint64_t records_read() const { return records_read_; }
  std::size_t offset() const { return offset_; }  // where the next record starts

 private:
  ByteView list_;
  RecordFormat format_;
  std::size_t offset_ = 0;
  std::uint64_t records_read_ = 0;
  RecordView record_;
};

}  // namespace imakeep::imalog
