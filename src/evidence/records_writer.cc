// SPDX-License-Identifier: Apache-2.0
#include "evidence/records_writer.h"

#include <zstd.h>

#include <algorithm>
#include <array>
#include <new>

#include "evidence/cbor_item.h"
#include "evidence/record_stream.h"

namespace imakeep::evidence {
namespace {

ZSTD_CCtx* make_compressor() {
  constexpr int kDefaultLevel = 3;
  ZSTD_CCtx* const compressor = ZSTD_createCCtx();
  if (compressor == nullptr) throw std::bad_alloc();
  ZSTD_CCtx_setParameter(compressor, ZSTD_c_compressionLevel, kDefaultLevel);
  ZSTD_CCtx_setParameter(compressor, ZSTD_c_windowLog, kMostWindowLog);
  ZSTD_CCtx_setParameter(compressor, ZSTD_c_checksumFlag, 1);
  return compressor;
}

}  // namespace

void RecordsWriter::Free::operator()(ZSTD_CCtx_s* context) const {
  ZSTD_freeCCtx(context);
}

RecordsWriter::RecordsWriter(Encoding encoding, std::uint64_t count, Sink sink)
    : left_(count), sink_(std::move(sink)), compressor_(encoding == Encoding::kZstd ? make_compressor() : nullptr) {}
RecordsWriter::~RecordsWriter() = default;

Result<void> RecordsWriter::add(const imalog::RecordContentView& content) {
  if (left_ == 0) return fail(ErrorCode::kUsage, "evidence: more records than its header counts");
  if (!imalog::acceptable(content)) {
    return fail(ErrorCode::kUsage, "evidence: no list can have this record; give records as a list shows them");
  }
  --left_;
  record_.clear();
  append_record(record_, content);
  return compressor_ ? compress(record_, false) : put(record_);
}

Result<void> RecordsWriter::finish() {
  if (left_ > 0) {
    return fail(ErrorCode::kUsage, "evidence: " + std::to_string(left_) + " records fewer than its header counts");
  }
  if (compressor_) IMAKEEP_CHECK(compress({}, true));
  IMAKEEP_CHECK(flush());
  Bytes end;
  put_end(end);
  return sink_(end);
}

Result<void> RecordsWriter::compress(ByteView bytes, bool end) {
  ZSTD_inBuffer in = {bytes.data(), bytes.size(), 0};
  for (;;) {
    std::array<std::byte, 4096> room;
    ZSTD_outBuffer out = {room.data(), room.size(), 0};
    const std::size_t left = ZSTD_compressStream2(compressor_.get(), &out, &in, end ? ZSTD_e_end : ZSTD_e_continue);
    // The input is valid, so the only possible error is a lack of memory.
    if (ZSTD_isError(left) != 0) throw std::bad_alloc();
    IMAKEEP_CHECK(put(ByteView(room).first(out.pos)));
    if (end ? left == 0 : in.pos == in.size) return {};
  }
}

Result<void> RecordsWriter::put(ByteView bytes) {
  while (!bytes.empty()) {
    const ByteView part = bytes.first(std::min(bytes.size(), kMostChunkBytes - chunk_.size()));
    append_bytes(chunk_, part);
    bytes = bytes.subspan(part.size());
    if (chunk_.size() == kMostChunkBytes) IMAKEEP_CHECK(flush());
  }
  return {};
}

Result<void> RecordsWriter::flush() {
  if (chunk_.empty()) return {};
  Bytes item;
  put_bytes(item, chunk_);
  chunk_.clear();
  return sink_(item);
}

}  // namespace imakeep::evidence
