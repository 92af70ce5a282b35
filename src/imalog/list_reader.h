// SPDX-License-Identifier: Apache-2.0
// imalog/list_reader.h - walks the records of a whole binary measurement list.
//
// Threads: one thread at a time uses an object.
#pragma once

#include "imalog/record.h"

namespace imakeep::imalog {

class ListReader {
 public:
  // Borrows `list`; the returned records point into it. With `whole` false the bytes may be only the front of a list.
  ListReader(ByteView list, RecordFormat format, bool whole = true) : list_(list), format_(format) {
    format_.ends = whole;
  }
  ListReader(Bytes&&, RecordFormat, bool = true) = delete;

  // Returns the next record, valid until the next call, or nullptr after the last. Errors: those of decode_record(),
  // with Error::offset counted from the start of the list and Error::record set. Here kTruncated means that the list
  // ends within a record. After an error every further call returns the same error.
  Result<const RecordView*> next();

  bool at_end() const { return offset_ == list_.size(); }
  std::uint64_t records_read() const { return records_read_; }
  std::size_t offset() const { return offset_; }  // of the next record

 private:
  ByteView list_;
  RecordFormat format_;
  std::size_t offset_ = 0;
  std::uint64_t records_read_ = 0;
  RecordView record_;
};

}  // namespace imakeep::imalog
