// SPDX-License-Identifier: Apache-2.0
#include "keeper/memory/memory_ima_source.h"

#include <algorithm>
#include <cerrno>

#include "mlist/request.h"

namespace imakeep::keeper {
namespace {

// To a caller that opens the list, a refusal is an error of the environment.
Error opening_error(const Error& refused) {
  return {.code = ErrorCode::kEnvironment,
          .message = "cannot open the list: " + refused.message,
          .os_errno = refused.os_errno};
}

}  // namespace

MemoryImaSource::MemoryImaSource(MemoryIma& ima, std::int32_t task, const digest::Bank& bank)
    : ima_(ima), task_{.tid = task, .start_time = 1}, bank_(bank) {}

mlist::ListCursor MemoryImaSource::cursor(ListPart part) const {
  return {*ima_.list, part == ListPart::kStaged ? mlist::ListKind::kStaged : mlist::ListKind::kCurrent,
          mlist::Form::kBinary, bank_};
}

Result<void> MemoryImaSource::open_to_read() {
  seen_[0] = seen_[1] = 0;
  const int wanted = ima_.has_staging ? 2 : 1;
  for (; readers_ < wanted; ++readers_) {
    if (auto opened = ima_.mediation.open_reader(); !opened) {
      close();
      return unexpected(opening_error(opened.error()));
    }
  }
  staged_.emplace(cursor(ListPart::kStaged));
  current_.emplace(cursor(ListPart::kCurrent));
  return {};
}

Result<void> MemoryImaSource::open_to_write(ListPart part) {
  if (auto opened = ima_.mediation.open_writer(task_); !opened) return unexpected(opening_error(opened.error()));
  writes_ = part;
  (part == ListPart::kStaged ? staged_ : current_).emplace(cursor(part));
  return {};
}

void MemoryImaSource::close() noexcept {
  for (; readers_ > 0; --readers_) ima_.mediation.close_reader();
  if (writes_) ima_.mediation.close_writer();
  writes_.reset();
  staged_.reset();
  current_.reset();
}

Result<std::size_t> MemoryImaSource::read(ListPart part, std::uint64_t offset, std::span<std::byte> into) {
  auto& open = part == ListPart::kStaged ? staged_ : current_;
  if (!open) return fail(ErrorCode::kUsage, "that part of the list is not open");
  Bytes bytes;
  IMAKEEP_CHECK(open->read(offset, into.size(), bytes));
  std::ranges::copy(bytes, into.begin());
  if (!writes_) {
    std::uint64_t& seen = seen_[part == ListPart::kStaged ? 0 : 1];
    seen = std::max(seen, offset + bytes.size());
  }
  return bytes.size();
}

Result<void> MemoryImaSource::request(const std::string& text) {
  if (!writes_) return fail(ErrorCode::kUsage, "the list is not open for writing");
  const auto kind = *writes_ == ListPart::kStaged ? mlist::ListKind::kStaged : mlist::ListKind::kCurrent;
  return mlist::carry_out(*ima_.list, kind, text);
}

}  // namespace imakeep::keeper
