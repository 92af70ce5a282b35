// SPDX-License-Identifier: Apache-2.0
#include "keeper/list_stream.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace imakeep::keeper {
namespace {

constexpr std::size_t kMostPieceBytes = 256u << 10;

}  // namespace

Result<bool> ListStream::fill() {
  // Decoded bytes are dropped only here, so that a view stays valid until the next call.
  const ByteView left = undecoded();
  if (!left.empty() && left.data() != buffer_.data()) std::memmove(buffer_.data(), left.data(), left.size());
  filled_ = left.size();
  buffer_offset_ = offset_;
  // The buffer keeps the size that it has reached: Linux gives about 4 KiB at a time, and clearing it for each read
  // would cost more.
  if (buffer_.size() < filled_ + piece_) buffer_.resize(filled_ + piece_);
  const auto read = source_.read(parts_[part_], buffer_offset_ + filled_, std::span(buffer_).subspan(filled_, piece_));
  filled_ += read.value_or(0);
  if (read.value_or(0) == piece_) piece_ = std::min(2 * piece_, kMostPieceBytes);
  if (progress_) progress_(records_);
  if (!read) return unexpected(read.error());
  return *read > 0;
}

ByteView ListStream::undecoded() const {
  return ByteView(buffer_).first(filled_).subspan(static_cast<std::size_t>(offset_ - buffer_offset_));
}

Result<std::optional<imalog::RecordView>> ListStream::next() {
  imalog::RecordFormat format{.digest_bytes = static_cast<std::uint8_t>(source_.bank().digest_bytes()),
                              .order = source_.order()};
  for (;;) {
    if (part_ + 1 == parts_.size() && records_ - records_before_last_ >= last_ends_after_) return std::nullopt;
    const auto record = imalog::decode_record(undecoded(), format);
    if (record) {
      offset_ += record->encoded_bytes;
      ++records_;
      named_pcrs_ |= 1u << record->pcr;
      return *record;
    }
    const auto bad = [&](const std::string& what) {
      return unexpected(Error{.code = ErrorCode::kMalformed,
                              .message = source_.name() + ": the " +
                                         (parts_[part_] == ListPart::kStaged ? "staged" : "current") + " list " + what,
                              .offset = offset_,
                              .record = records_});
    };
    if (record.error().code != ErrorCode::kTruncated) return bad("cannot be read: " + record.error().message);
    IMAKEEP_TRY(const auto& more, fill());
    format.order = source_.order();
    if (more) continue;
    if (filled_ > 0 && !std::exchange(format.ends, true)) continue;
    if (filled_ > 0) return bad("ends within a record");
    if (part_ + 1 == parts_.size()) return std::nullopt;
    seek({.part = part_ + 1, .offset = 0, .records = records_});
    records_before_last_ = records_;
  }
}

void ListStream::seek(const Place& place) {
  part_ = place.part;
  offset_ = buffer_offset_ = place.offset;
  records_ = place.records;
  filled_ = 0;
}

}  // namespace imakeep::keeper
