// SPDX-License-Identifier: Apache-2.0
// base/byte_reader.h - takes numbers and byte strings off the front of saved bytes.
// Threads: one thread at a time uses an object.
#pragma once

#include <string>

#include "base/bytes.h"
#include "base/result.h"

namespace imakeep {

class ByteReader {
 public:
  // `what` begins the message of an error: "the saved keys". The bytes must outlive the object and what it returns.
  ByteReader(ByteView bytes, std::string what) : bytes_(bytes), what_(std::move(what)) {}

  // kTruncated, with the offset, if fewer bytes are left.
  Result<ByteView> take(std::size_t size) {
    if (bytes_.size() - offset_ < size) {
      return unexpected(Error{.code = ErrorCode::kTruncated, .message = what_ + " ends too early", .offset = offset_});
    }
    const ByteView taken = bytes_.subspan(offset_, size);
    offset_ += size;
    return taken;
  }
  template <class T>
  Result<T> number(ByteOrder order = ByteOrder::kLittle) {
    IMAKEEP_TRY(const ByteView bytes, take(sizeof(T)));
    return load<T>(bytes.data(), order);
  }
  // Bytes after their count, which is a number of 32 bits.
  Result<ByteView> counted(ByteOrder order = ByteOrder::kLittle) {
    IMAKEEP_TRY(const auto size, number<std::uint32_t>(order));
    return take(size);
  }

  bool at_end() const { return offset_ == bytes_.size(); }
  std::size_t offset() const { return offset_; }

 private:
  ByteView bytes_;
  std::string what_;
  std::size_t offset_ = 0;
};

}  // namespace imakeep
