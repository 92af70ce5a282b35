#include "imalog/list_reader.h"

namespace imakeep::imalog {

Result<std::optional<RecordView>> ListReader::next() {
  if (offset_ == list_.size()) return std::nullopt;
  auto record = decode_record(list_.subspan(offset_), format_);
  if (!record) {
    Error error = std::move(record).error();
    error.offset = offset_ + error.offset.value_or(0);
    error.record = records_read_;
    return unexpected(std::move(error));
  }
  offset_ += record->encoded_bytes;
  ++records_read_;
  return *record;
}

}  // namespace imakeep::imalog
