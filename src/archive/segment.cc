// SPDX-License-Identifier: Apache-2.0
#include "archive/segment.h"

#include <zstd.h>

#include <memory>
#include <new>

namespace imakeep::archive {
namespace {

constexpr std::uint8_t kViolation = 1;
constexpr std::uint8_t kOwnDigest = 2;
// Level 3 is zstd's default. Higher levels saved 5 % of the size, and took several times as long.
constexpr int kLevel = 3;

// Takes parts off the front of the bytes. Once a part is missing, failed() is true and every further part is empty.
class Parts {
 public:
  explicit Parts(ByteView bytes) : rest_(bytes) {}

  ByteView take(std::size_t bytes) {
    if (failed_ || bytes > rest_.size()) {
      failed_ = true;
      return {};
    }
    const ByteView part = rest_.first(bytes);
    rest_ = rest_.subspan(bytes);
    return part;
  }
  template <class T>
  T number() {
    const ByteView bytes = take(sizeof(T));
    return bytes.empty() ? T{} : load<T>(bytes.data(), ByteOrder::kLittle);
  }
  bool failed() const { return failed_; }
  std::size_t left() const { return rest_.size(); }

 private:
  ByteView rest_;
  bool failed_ = false;
};

std::optional<OwnDigestView> own_digest(Parts& parts) {
  const auto alg = parts.number<std::uint16_t>();
  const auto fill = static_cast<digest::Fill>(parts.number<std::uint8_t>());
  const auto digest_bytes = parts.number<std::uint8_t>();
  const ByteView digest = parts.take(digest_bytes);
  const auto algorithm = digest::algorithm_from_tpm_alg(alg);
  if (!algorithm || digest::digest_bytes(*algorithm) != digest_bytes) return std::nullopt;
  // An older imakeep wrote 1 for both ways of padding. In a bank that is usually padded, 1 means the usual way.
  const digest::Bank usual = digest::bank_of(*algorithm);
  if (fill == digest::Fill::kPaddedSha1 && usual.padded()) return OwnDigestView{.bank = usual, .digest = digest};
  const auto bank = digest::with_fill(usual, fill);
  return bank ? std::optional(OwnDigestView{.bank = *bank, .digest = digest}) : std::nullopt;
}

struct ContextFree {
  void operator()(ZSTD_CCtx* context) const { ZSTD_freeCCtx(context); }
  void operator()(ZSTD_DCtx* context) const { ZSTD_freeDCtx(context); }
};

ZSTD_CCtx* compressor() {
  thread_local const std::unique_ptr<ZSTD_CCtx, ContextFree> context = [] {
    std::unique_ptr<ZSTD_CCtx, ContextFree> made(ZSTD_createCCtx());
    ZSTD_CCtx_setParameter(made.get(), ZSTD_c_compressionLevel, kLevel);
    ZSTD_CCtx_setParameter(made.get(), ZSTD_c_checksumFlag, 1);
    return made;
  }();
  return context.get();
}

ZSTD_DCtx* decompressor() {
  thread_local const std::unique_ptr<ZSTD_DCtx, ContextFree> context(ZSTD_createDCtx());
  if (!context) throw std::bad_alloc();
  return context.get();
}

}  // namespace

void append_record(Bytes& payload, const RecordView& record) {
  const imalog::RecordContentView& content = record.content;
  const auto flags = static_cast<std::uint8_t>((content.violation ? kViolation : 0) | (record.own ? kOwnDigest : 0));
  append_int(payload, flags);
  append_int(payload, static_cast<std::uint8_t>(content.pcr));
  append_int(payload, static_cast<std::uint8_t>(content.template_name.size()));
  append_bytes(payload, as_bytes(content.template_name));
  append_int(payload, static_cast<std::uint32_t>(content.body.size()), ByteOrder::kLittle);
  append_bytes(payload, content.body);
  if (!record.own) return;
  append_int(payload, digest::info(record.own->bank.algorithm).tpm_alg, ByteOrder::kLittle);
  append_int(payload, static_cast<std::uint8_t>(record.own->bank.fill));
  append_int(payload, static_cast<std::uint8_t>(record.own->digest.size()));
  append_bytes(payload, record.own->digest);
}

Result<std::optional<RecordView>> SegmentReader::next() {
  if (offset_ == payload_.size()) return std::nullopt;
  Parts parts(payload_.subspan(offset_));
  const auto malformed = [this] {
    return unexpected(Error{.code = ErrorCode::kMalformed,
                            .message = "the segment's payload holds no valid record here",
                            .offset = offset_,
                            .record = records_});
  };
  const auto flags = parts.number<std::uint8_t>();
  RecordView record;
  record.content.violation = (flags & kViolation) != 0;
  record.content.pcr = parts.number<std::uint8_t>();
  record.content.template_name = as_text(parts.take(parts.number<std::uint8_t>()));
  record.content.body = parts.take(parts.number<std::uint32_t>());
  if ((flags & kOwnDigest) != 0) {
    record.own = own_digest(parts);
    if (!record.own || record.content.violation) return malformed();
  }
  if (parts.failed() || flags > (kViolation | kOwnDigest) || !imalog::acceptable(record.content)) return malformed();
  offset_ = payload_.size() - parts.left();
  ++records_;
  return record;
}

Bytes compress(ByteView payload) {
  Bytes frame(ZSTD_compressBound(payload.size()));
  const std::size_t bytes = ZSTD_compress2(compressor(), frame.data(), frame.size(), payload.data(), payload.size());
  // The frame has the size of zstd's own bound, so the only possible error is a lack of memory.
  if (ZSTD_isError(bytes) != 0) throw std::bad_alloc();
  frame.resize(bytes);
  return frame;
}

Result<Bytes> decompress(ByteView frame) {
  const unsigned long long claimed = ZSTD_getFrameContentSize(frame.data(), frame.size());
  if (claimed == ZSTD_CONTENTSIZE_UNKNOWN || claimed == ZSTD_CONTENTSIZE_ERROR || claimed > kMaxPayloadBytes) {
    return fail(ErrorCode::kMalformed, "the segment is not a zstd frame of a valid size");
  }
  if (const std::size_t whole = ZSTD_findFrameCompressedSize(frame.data(), frame.size()); whole != frame.size()) {
    return fail(ErrorCode::kMalformed, "the segment is not one whole zstd frame");
  }
  Bytes payload(claimed);
  const std::size_t bytes =
      ZSTD_decompressDCtx(decompressor(), payload.data(), payload.size(), frame.data(), frame.size());
  if (ZSTD_isError(bytes) != 0) {
    return fail(ErrorCode::kMalformed, std::string("the segment does not decompress: ") + ZSTD_getErrorName(bytes));
  }
  if (bytes != claimed) return fail(ErrorCode::kMalformed, "the segment is shorter than it says");
  return payload;
}

}  // namespace imakeep::archive
