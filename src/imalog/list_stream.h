// SPDX-License-Identifier: Apache-2.0
// imalog/list_stream.h - walks the records of a binary measurement list that is read in blocks.
//
// Holds one block, or one record if that is larger. So a list of any size takes the same memory.
// Threads: one thread at a time uses an object.
#pragma once

#include <functional>
#include <span>

#include "imalog/record.h"
#include "imalog/template_digest.h"

namespace imakeep::imalog {

// Reads the next bytes of a list into the front of `room`, which is not empty. Returns their count; 0 at the end.
using ReadBytes = std::function<Result<std::size_t>(std::span<std::byte> room)>;

class ListStream {
 public:
  explicit ListStream(ReadBytes read, std::size_t block_bytes = kBlockBytes);

  // Finds the bank and byte order of the list from its first records: result and errors of detect_format(), and the
  // errors of `read`. Reads one block; reads more only if its records do not decide. REQUIRES: next() was not called.
  Result<ListFormat> detect();
  // The same for a list whose bank is known: detect_order() and check_kind() of the first block. REQUIRES: same as
  // above.
  Result<ListFormat> detect(const digest::Bank& bank);

  // Like ListReader::next(), with the errors of `read` as well. The record is valid until the next call. REQUIRES: the
  // same format in every call.
  Result<const RecordView*> next(RecordFormat format);

  std::uint64_t records_read() const { return records_read_; }
  std::uint64_t offset() const { return dropped_ + begin_; }  // of the next record

  static constexpr std::size_t kBlockBytes = 256u << 10;

 private:
  ByteView unread() const { return ByteView(buffer_).subspan(begin_, end_ - begin_); }
  Result<void> read_more();              // reads at least one byte, unless the list has ended
  Result<void> fill(std::size_t bytes);  // reads until this many are unread, or the list has ended

  const ReadBytes read_;
  const std::size_t block_bytes_;
  Bytes buffer_;
  std::size_t begin_ = 0;      // of the unread bytes in `buffer_`
  std::size_t end_ = 0;        // of the read bytes in `buffer_`
  std::uint64_t dropped_ = 0;  // bytes before `buffer_`
  bool ended_ = false;
  std::uint64_t records_read_ = 0;
  RecordView record_;
};

}  // namespace imakeep::imalog
