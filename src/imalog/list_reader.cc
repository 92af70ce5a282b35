// SPDX-License-Identifier: Apache-2.0
#include "imalog/list_reader.h"

namespace imakeep::imalog {

Result<const RecordView*> ListReader::next() {
  if (at_end()) return nullptr;
  // Prefetch bytes some records ahead, so that decoding does not wait for memory.
  if (constexpr std::size_t kAhead = 2048; list_.size() - offset_ > kAhead) {
    __builtin_prefetch(list_.data() + offset_ + kAhead);
    __builtin_prefetch(list_.data() + offset_ + kAhead + 64);
    __builtin_prefetch(list_.data() + offset_ + kAhead + 128);
  }
  if (auto decoded = decode_record(list_.subspan(offset_), format_, record_); !decoded) {
    Error error = std::move(decoded).error();
    error.offset = offset_ + error.offset.value_or(0);
    error.record = records_read_;
    return unexpected(std::move(error));
  }
  offset_ += record_.encoded_bytes;
  ++records_read_;
  return &record_;
}

}  // namespace imakeep::imalog
