// SPDX-License-Identifier: Apache-2.0
#include "imalog/list_stream.h"

#include <utility>

#include "imalog/list_kind.h"

namespace imakeep::imalog {
namespace {

// Larger than the largest record. Limits how much of a list is held if its first blocks do not decide the format.
constexpr std::size_t kMaxFrontBytes = 64u << 20;

}  // namespace

ListStream::ListStream(ReadBytes read, std::size_t block_bytes) : read_(std::move(read)), block_bytes_(block_bytes) {}

Result<void> ListStream::read_more() {
  if (begin_ > 0) {
    std::memmove(buffer_.data(), buffer_.data() + begin_, end_ - begin_);
    dropped_ += begin_;
    end_ -= begin_;
    begin_ = 0;
  }
  if (buffer_.empty()) buffer_.resize(block_bytes_);
  if (end_ == buffer_.size()) buffer_.resize(2 * buffer_.size());
  IMAKEEP_TRY(const auto& got, read_(std::span(buffer_).subspan(end_)));
  end_ += got;
  ended_ = got == 0;
  return {};
}

Result<void> ListStream::fill(std::size_t bytes) {
  while (!ended_ && end_ - begin_ < bytes) IMAKEEP_CHECK(read_more());
  return {};
}

Result<ListFormat> ListStream::detect() {
  for (std::size_t bytes = block_bytes_;; bytes *= 2) {
    IMAKEEP_CHECK(fill(bytes));
    const bool whole = ended_ || bytes >= kMaxFrontBytes;
    auto format = detect_format(unread(), whole ? Extent::kWhole : Extent::kFront);
    if (format || whole || format.error().code != ErrorCode::kTruncated) return format;
  }
}

Result<ListFormat> ListStream::detect(const digest::Bank& bank) {
  IMAKEEP_CHECK(fill(block_bytes_));
  IMAKEEP_CHECK(check_kind(unread()));
  return ListFormat{.bank = bank, .order = detect_order(unread(), bank)};
}

Result<const RecordView*> ListStream::next(RecordFormat format) {
  for (;;) {
    if (begin_ == end_ && ended_) return nullptr;
    if (begin_ == end_) {
      IMAKEEP_CHECK(read_more());
      continue;
    }
    format.ends = ended_;
    auto decoded = decode_record(unread(), format, record_);
    if (decoded) break;
    if (decoded.error().code != ErrorCode::kTruncated || ended_) {
      Error error = std::move(decoded).error();
      error.offset = offset() + error.offset.value_or(0);
      error.record = records_read_;
      return unexpected(std::move(error));
    }
    IMAKEEP_CHECK(read_more());
  }
  begin_ += record_.encoded_bytes;
  ++records_read_;
  return &record_;
}

}  // namespace imakeep::imalog
