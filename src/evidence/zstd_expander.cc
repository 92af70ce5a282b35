// SPDX-License-Identifier: Apache-2.0
#include "evidence/zstd_expander.h"

#include <zstd.h>

#include <new>
#include <string>

namespace imakeep::evidence {
namespace {

constexpr std::size_t kRoomBytes = 128u << 10;

unexpected<Error> bad_frame(const std::string& what) {
  return fail(ErrorCode::kMalformed, "evidence: the compressed records " + what);
}

}  // namespace

void ZstdExpander::Free::operator()(ZSTD_DCtx_s* context) const {
  ZSTD_freeDCtx(context);
}

ZstdExpander::ZstdExpander(int most_window_log, Sink sink)
    : context_(ZSTD_createDCtx()), sink_(std::move(sink)), room_(kRoomBytes) {
  if (!context_) throw std::bad_alloc();
  ZSTD_DCtx_setParameter(context_.get(), ZSTD_d_windowLogMax, most_window_log);
}

ZstdExpander::~ZstdExpander() = default;

Result<void> ZstdExpander::feed(ByteView bytes) {
  ZSTD_inBuffer in = {bytes.data(), bytes.size(), 0};
  for (bool more = !bytes.empty(); more;) {
    if (ended_) return bad_frame("go on after the end of their frame; send one frame");
    const std::size_t before = in.pos;
    ZSTD_outBuffer out = {room_.data(), room_.size(), 0};
    const std::size_t left = ZSTD_decompressStream(context_.get(), &out, &in);
    if (ZSTD_isError(left) != 0) return bad_frame(std::string("do not expand: ") + ZSTD_getErrorName(left));
    taken_bytes_ += in.pos - before;
    ended_ = left == 0;
    if (out.pos > 0) IMAKEEP_CHECK(sink_(ByteView(room_).first(out.pos)));
    // If the room was filled, zstd may hold more of what it has taken.
    more = in.pos < in.size || (out.pos == out.size && !ended_);
  }
  return {};
}

}  // namespace imakeep::evidence
