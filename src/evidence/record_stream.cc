// SPDX-License-Identifier: Apache-2.0
#include "evidence/record_stream.h"

#include <algorithm>

namespace imakeep::evidence {
namespace {

constexpr std::uint32_t kViolationBit = 1u << 31;
constexpr std::size_t kWordBytes = 4;
// The head and the two lengths.
constexpr std::size_t kFixedBytes = 3 * kWordBytes;

unexpected<Error> bad_record(ErrorCode code, std::uint64_t record, std::string what) {
  return unexpected<Error>(Error{.code = code, .message = "evidence: " + std::move(what), .record = record});
}

// How many bytes the begin of a record lacks until its next length, or its end, is there. Its lengths are checked.
std::size_t missing_bytes(ByteView begun) {
  if (begun.size() < 2 * kWordBytes) return 2 * kWordBytes - begun.size();
  const std::size_t name_bytes = load<std::uint32_t>(begun.data() + kWordBytes, ByteOrder::kLittle);
  if (begun.size() < kFixedBytes + name_bytes) return kFixedBytes + name_bytes - begun.size();
  const auto body_bytes = load<std::uint32_t>(begun.data() + 2 * kWordBytes + name_bytes, ByteOrder::kLittle);
  return kFixedBytes + name_bytes + body_bytes - begun.size();
}

}  // namespace

void append_record(Bytes& out, const imalog::RecordContentView& content) {
  append_int(out, content.pcr | (content.violation ? kViolationBit : 0), ByteOrder::kLittle);
  append_int(out, static_cast<std::uint32_t>(content.template_name.size()), ByteOrder::kLittle);
  append_bytes(out, as_bytes(content.template_name));
  append_int(out, static_cast<std::uint32_t>(content.body.size()), ByteOrder::kLittle);
  append_bytes(out, content.body);
}

RecordStream::RecordStream(std::uint32_t most_body_bytes, OnRecord on_record)
    : most_body_bytes_(std::min(most_body_bytes, imalog::kMaxDataBytes)), on_record_(std::move(on_record)) {}

// Hands over the record at the front of `bytes`, and returns its size; 0 if its end is not there yet.
Result<std::size_t> RecordStream::take(ByteView bytes) {
  if (bytes.size() < 2 * kWordBytes) return 0;
  const auto head = load<std::uint32_t>(bytes.data(), ByteOrder::kLittle);
  const auto name_bytes = load<std::uint32_t>(bytes.data() + kWordBytes, ByteOrder::kLittle);
  if ((head & ~kViolationBit) >= imalog::kPcrCount) {
    return bad_record(ErrorCode::kMalformed, records_, "a record names a PCR above 23");
  }
  if (name_bytes == 0 || name_bytes > imalog::kMaxNameBytes) {
    return bad_record(ErrorCode::kMalformed, records_, "a record's template name is not 1 to 255 bytes long");
  }
  if (bytes.size() < kFixedBytes + name_bytes) return 0;
  const auto body_bytes = load<std::uint32_t>(bytes.data() + 2 * kWordBytes + name_bytes, ByteOrder::kLittle);
  if (body_bytes > most_body_bytes_) {
    return bad_record(ErrorCode::kUnsupported, records_,
                      "a record has " + std::to_string(body_bytes) + " bytes of data; the limit is " +
                          std::to_string(most_body_bytes_));
  }
  const std::size_t size = kFixedBytes + name_bytes + body_bytes;
  if (bytes.size() < size) return 0;
  const imalog::RecordContentView content = {.pcr = head & ~kViolationBit,
                                             .template_name = as_text(bytes.subspan(2 * kWordBytes, name_bytes)),
                                             .body = bytes.subspan(kFixedBytes + name_bytes, body_bytes),
                                             .violation = (head & kViolationBit) != 0};
  if (!imalog::acceptable(content)) {
    return bad_record(ErrorCode::kMalformed, records_,
                      "a record's template name has unprintable characters, or its data is not that of an ima record");
  }
  IMAKEEP_CHECK(on_record_(content));
  ++records_;
  return size;
}

Result<void> RecordStream::feed(ByteView bytes) {
  // The record that has begun is completed first; the records after it are read where they are.
  while (!pending_.empty() && !bytes.empty()) {
    const ByteView more = bytes.first(std::min(missing_bytes(pending_), bytes.size()));
    append_bytes(pending_, more);
    bytes = bytes.subspan(more.size());
    IMAKEEP_TRY(const std::size_t taken, take(pending_));
    if (taken > 0) pending_.clear();
  }
  while (!bytes.empty()) {
    IMAKEEP_TRY(const std::size_t taken, take(bytes));
    if (taken == 0) break;
    bytes = bytes.subspan(taken);
  }
  append_bytes(pending_, bytes);
  return {};
}

}  // namespace imakeep::evidence
