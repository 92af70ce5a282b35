// SPDX-License-Identifier: Apache-2.0
#include "imalog/record.h"

#include <algorithm>

namespace imakeep::imalog {
namespace {

// Takes bytes from the front of a record and keeps its offset.
class Cursor {
 public:
  Cursor(ByteView in, ByteOrder order) : in_(in), order_(order) {}

  std::size_t offset() const { return offset_; }
  bool has(std::size_t count) const { return in_.size() - offset_ >= count; }

  ByteView take(std::size_t count) {
    const ByteView taken = in_.subspan(offset_, count);
    offset_ += count;
    return taken;
  }
  ByteView last(std::size_t count) const { return in_.subspan(offset_ - count, count); }
  std::uint32_t take_u32() { return load<std::uint32_t>(take(4).data(), order_); }

 private:
  ByteView in_;
  ByteOrder order_;
  std::size_t offset_ = 0;
};

unexpected<Error> bad(ErrorCode code, std::size_t offset, std::string message) {
  return unexpected<Error>(Error{.code = code, .message = std::move(message), .offset = offset});
}

unexpected<Error> cut_short(const Cursor& cursor, const char* where) {
  return bad(ErrorCode::kTruncated, cursor.offset(), std::string("record cut short in its ") + where);
}

bool graphic(std::string_view name) {
  return std::all_of(name.begin(), name.end(), [](char c) { return c > ' ' && c < 0x7f; });
}

Result<std::size_t> take_digest_and_path(Cursor& cursor, std::size_t file_digest_bytes) {
  const std::size_t start = cursor.offset();
  if (!cursor.has(file_digest_bytes)) return cut_short(cursor, "file digest");
  cursor.take(file_digest_bytes);
  if (!cursor.has(4)) return cut_short(cursor, "path length");
  const std::size_t at = cursor.offset();
  const std::uint32_t path_bytes = cursor.take_u32();
  if (path_bytes > kMaxImaPathBytes) {
    return bad(ErrorCode::kMalformed, at,
               "path of " + std::to_string(path_bytes) + " bytes in an ima record (at most " +
                   std::to_string(kMaxImaPathBytes) + ")");
  }
  if (!cursor.has(path_bytes)) return cut_short(cursor, "path");
  const ByteView path = cursor.take(path_bytes);
  if (const auto nul = std::find(path.begin(), path.end(), std::byte{0}); nul != path.end()) {
    return bad(ErrorCode::kMalformed, at + 4 + static_cast<std::size_t>(nul - path.begin()), "NUL in the path");
  }
  return cursor.offset() - start;
}

// A measured path is never empty. This excludes F = 16 for a record with F = 20 and a digest of zeros, in which the
// path would be empty.
bool has_md5_path(Cursor cursor) {
  if (!cursor.has(kImaMd5FileDigestBytes + 4)) return false;
  cursor.take(kImaMd5FileDigestBytes);
  return cursor.take_u32() > 0;
}

// Returns the count of bytes, not a view of them: a pair of words would be returned in memory, and the caller would
// have to wait for it.
Result<std::size_t> take_ima_body(Cursor& cursor, bool ends) {
  const Cursor start = cursor;
  auto taken = take_digest_and_path(cursor, kImaFileDigestBytes);
  if (taken) return taken;
  // A last record with F = 16 and a path of at most three bytes is too short for the path_len of F = 20.
  const bool cut = taken.error().code == ErrorCode::kTruncated;
  if ((cut && (!ends || start.has(kImaFileDigestBytes + 4))) || !has_md5_path(start)) return taken;
  Cursor md5 = start;
  auto md5_taken = take_digest_and_path(md5, kImaMd5FileDigestBytes);
  if (!md5_taken && (cut || md5_taken.error().code != ErrorCode::kTruncated)) return taken;
  cursor = md5;
  return md5_taken;
}

Result<std::size_t> take_data(Cursor& cursor) {
  const std::size_t at = cursor.offset();
  if (!cursor.has(4)) return cut_short(cursor, "data length");
  const std::uint32_t data_bytes = cursor.take_u32();
  if (data_bytes > kMaxDataBytes) {
    return bad(ErrorCode::kMalformed, at,
               "data of " + std::to_string(data_bytes) + " bytes (at most " + std::to_string(kMaxDataBytes) +
                   "); is the bank right?");
  }
  if (!cursor.has(data_bytes)) return cut_short(cursor, "data");
  cursor.take(data_bytes);
  return data_bytes;
}

// True if path_len is `length` in either byte order. Only the true path_len can be so small a number.
bool is_length(const std::byte* at, std::size_t length) {
  return load<std::uint32_t>(at, ByteOrder::kLittle) == length || load<std::uint32_t>(at, ByteOrder::kBig) == length;
}

}  // namespace

std::size_t ima_file_digest_bytes(ByteView body) {
  constexpr std::size_t kHead = kImaFileDigestBytes + 4;
  const bool sha1 = body.size() >= kHead && is_length(body.data() + kImaFileDigestBytes, body.size() - kHead);
  return sha1 ? kImaFileDigestBytes : kImaMd5FileDigestBytes;
}

bool is_ima_body(ByteView body) {
  const std::size_t head = ima_file_digest_bytes(body) + 4;
  if (body.size() < head || body.size() > head + kMaxImaPathBytes) return false;
  return is_length(body.data() + head - 4, body.size() - head);
}

bool operator==(const RecordContentView& a, const RecordContentView& b) {
  return a.pcr == b.pcr && a.violation == b.violation && a.template_name == b.template_name && equal(a.body, b.body);
}

bool acceptable(const RecordContentView& content) {
  if (content.pcr >= kPcrCount || content.body.size() > kMaxDataBytes) return false;
  const std::string_view name = content.template_name;
  if (name.empty() || name.size() > kMaxNameBytes || !graphic(name)) return false;
  // The digest of "ima" is computed over the path in the body, so the body has to be well-formed.
  return name != kImaTemplate || is_ima_body(content.body);
}

Result<RecordView> decode_record(ByteView in, RecordFormat format) {
  RecordView record;
  IMAKEEP_CHECK(decode_record(in, format, record));
  return record;
}

Result<std::size_t> decode_record(ByteView in, RecordFormat format, RecordView& record) {
  if (format.digest_bytes != 20 && format.digest_bytes != 32 && format.digest_bytes != 48 &&
      format.digest_bytes != 64) {
    return bad(ErrorCode::kUnsupported, 0, "no bank has digests of " + std::to_string(format.digest_bytes) + " bytes");
  }
  Cursor cursor(in, format.order);

  if (!cursor.has(4)) return cut_short(cursor, "PCR index");
  record.pcr = cursor.take_u32();
  if (record.pcr >= kPcrCount) {
    return bad(ErrorCode::kMalformed, 0, "PCR index " + std::to_string(record.pcr) + " (at most 23)");
  }
  if (!cursor.has(format.digest_bytes)) return cut_short(cursor, "template digest");
  record.digest = cursor.take(format.digest_bytes);

  if (!cursor.has(4)) return cut_short(cursor, "template name length");
  const std::size_t name_at = cursor.offset();
  const std::uint32_t name_bytes = cursor.take_u32();
  if (name_bytes == 0 || name_bytes > kMaxNameBytes) {
    return bad(ErrorCode::kMalformed, name_at,
               "template name of " + std::to_string(name_bytes) + " bytes (1 to 255); is the bank right?");
  }
  if (!cursor.has(name_bytes)) return cut_short(cursor, "template name");
  record.template_name = as_text(cursor.take(name_bytes));
  if (!graphic(record.template_name)) {
    return bad(ErrorCode::kMalformed, name_at + 4, "template name with unprintable characters; is the bank right?");
  }

  IMAKEEP_TRY(const auto& body_bytes,
              record.template_name == kImaTemplate ? take_ima_body(cursor, format.ends) : take_data(cursor));
  record.body = cursor.last(body_bytes);
  record.encoded_bytes = cursor.offset();
  return record.encoded_bytes;
}

void encode_record(Bytes& out, const RecordContentView& content, ByteView digest, ByteOrder order) {
  const std::size_t start = out.size();
  out.resize(start + encoded_bytes(content, digest.size()));
  std::byte* at = out.data() + start;
  const auto put = [&at](ByteView bytes) {
    if (!bytes.empty()) std::memcpy(at, bytes.data(), bytes.size());
    at += bytes.size();
  };
  const auto put_u32 = [&at, order](std::size_t value) {
    store(at, static_cast<std::uint32_t>(value), order);
    at += sizeof(std::uint32_t);
  };
  put_u32(content.pcr);
  put(digest);
  put_u32(content.template_name.size());
  put(as_bytes(content.template_name));
  if (content.template_name != kImaTemplate) put_u32(content.body.size());
  put(content.body);
}

std::size_t encoded_bytes(const RecordContentView& content, std::size_t digest_bytes) {
  const std::size_t length_bytes = content.template_name == kImaTemplate ? 0 : 4;
  return 4 + digest_bytes + 4 + content.template_name.size() + length_bytes + content.body.size();
}

}  // namespace imakeep::imalog
