// SPDX-License-Identifier: Apache-2.0
// Reads in pieces and at offsets, and seeks.
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "base/file.h"
#include "conformance/check.h"
#include "conformance/request.h"

namespace imakeep::conformance {

namespace {

// Linux walks the list from its head at every read, so small blocks are tested only at the head.
constexpr std::size_t kMaxReads = 4000;

// A descriptor, and the whole list as read through it. While the descriptor is open, no writer can delete records.
// Records that are added meanwhile come after `whole`.
struct OpenList {
  std::string path;
  UniqueFd fd;
  Bytes whole;
};

Result<OpenList> open_list(Context& c, Form form) {
  OpenList list;
  list.path = c.directory().list_path(form, c.directory().first_bank(), Part::kCurrent);
  IMAKEEP_TAKE(fd, open_file(list.path, O_RDONLY));
  list.fd = std::move(fd);
  IMAKEEP_TAKE(whole, read_all(list.fd.get(), list.path));
  list.whole = std::move(whole);
  if (list.whole.empty()) return fail(ErrorCode::kUnsupported, "the list is empty");
  return list;
}

// Reads at most `bytes`: from `offset` by pread(), or, if `offset` is empty, from the descriptor's position.
Result<Bytes> read_piece(const OpenList& list, std::size_t bytes, std::optional<std::size_t> offset = {}) {
  Bytes piece(bytes);
  const ssize_t got = offset ? ::pread(list.fd.get(), piece.data(), bytes, static_cast<off_t>(*offset))
                             : ::read(list.fd.get(), piece.data(), bytes);
  if (got < 0) return fail_errno(errno, "cannot read " + list.path);
  piece.resize(static_cast<std::size_t>(got));
  return piece;
}

ByteView slice(const Bytes& whole, std::size_t from, std::size_t bytes) {
  from = std::min(from, whole.size());
  return ByteView(whole).subspan(from, std::min(bytes, whole.size() - from));
}

Check blocks(Form form, std::size_t block_bytes) {
  return {.id = "read.blocks-of-" + std::to_string(block_bytes) + "-" + std::string(form_name(form)),
          .title = "reading in blocks of that size gives the list",
          .run = [form, block_bytes](Context& c) -> Result<Finding> {
            IMAKEEP_TAKE(list, open_list(c, form));
            if (::lseek(list.fd.get(), 0, SEEK_SET) != 0) return fail_errno(errno, "cannot seek in " + list.path);
            Bytes bytes;
            for (std::size_t i = 0; i < kMaxReads; ++i) {
              IMAKEEP_TAKE(piece, read_piece(list, block_bytes));
              if (piece.empty()) break;
              append_bytes(bytes, piece);
            }
            const bool at_end = bytes.size() >= list.whole.size();
            const std::string wrong = prefix_difference(list.whole, bytes);
            return expect_same("the bytes of one whole read",
                               wrong.empty() && !at_end && bytes.size() < kMaxReads ? "it ends early" : wrong);
          }};
}

Check pread_anywhere(Form form) {
  return {.id = "read.pread-" + std::string(form_name(form)),
          .title = "pread() at any offset, also backwards, gives the bytes there",
          .run = [form](Context& c) -> Result<Finding> {
            IMAKEEP_TAKE(list, open_list(c, form));
            const std::size_t size = list.whole.size();
            for (const std::size_t offset : {size - 1, size / 2, size / 3, std::size_t{1}, std::size_t{0}}) {
              IMAKEEP_TAKE(piece, read_piece(list, 100, offset));
              const std::string wrong = prefix_difference(slice(list.whole, offset, 100), piece);
              if (piece.empty() || !wrong.empty()) {
                return expect_same("the same bytes", "offset " + std::to_string(offset) + ": " + wrong);
              }
            }
            return expect_same("the same bytes", {});
          }};
}

Result<Finding> pread_keeps_the_position(Context& c) {
  IMAKEEP_TAKE(list, open_list(c, Form::kBinary));
  ::lseek(list.fd.get(), 0, SEEK_SET);
  IMAKEEP_TAKE(first, read_piece(list, 5));
  IMAKEEP_CHECK(read_piece(list, 7, list.whole.size() / 2));
  IMAKEEP_TAKE(second, read_piece(list, 9));
  append_bytes(first, second);
  return expect_same("the next read continues after the last read()", difference(slice(list.whole, 0, 14), first));
}

Result<Finding> pread_past_the_end(Context& c) {
  IMAKEEP_TAKE(list, open_list(c, Form::kBinary));
  IMAKEEP_TAKE(piece, read_piece(list, 10, list.whole.size() + (1u << 20)));
  return compare("0 bytes", std::to_string(piece.size()) + " bytes");
}

Result<Finding> descriptors_are_independent(Context& c) {
  IMAKEEP_TAKE(one, open_list(c, Form::kBinary));
  IMAKEEP_TAKE(other, open_list(c, Form::kBinary));
  ::lseek(one.fd.get(), 0, SEEK_SET);
  ::lseek(other.fd.get(), 0, SEEK_SET);
  IMAKEEP_TAKE(of_one, read_piece(one, 30));
  IMAKEEP_TAKE(of_other, read_piece(other, 30));
  return expect_same("both read from the start", prefix_difference(of_one, of_other));
}

Result<Finding> growth_is_seen(Context& c) {
  IMAKEEP_CHECK(c.have(1));
  IMAKEEP_TAKE(list, open_list(c, Form::kBinary));
  IMAKEEP_CHECK(c.add(2));
  IMAKEEP_TAKE(more, read_all(list.fd.get(), list.path));
  IMAKEEP_TAKE(now, read_file(list.path));
  append_bytes(list.whole, more);
  return expect_same("the added records come next", difference(now, list.whole));
}

struct SeekRow {
  const char* id;
  const char* title;
  int flags;
  off_t offset;
  int whence;
  const char* answer;
};

// Rows with O_RDONLY start at position 10. `answer` is the new position or the errno.
constexpr std::array kSeeks{
    SeekRow{"read.seek-set", "SEEK_SET", O_RDONLY, 20, SEEK_SET, "20"},
    SeekRow{"read.seek-cur", "SEEK_CUR counts from the descriptor's position", O_RDONLY, 5, SEEK_CUR, "15"},
    SeekRow{"read.seek-back", "SEEK_CUR goes back", O_RDONLY, -10, SEEK_CUR, "0"},
    SeekRow{"read.seek-negative", "before the start", O_RDONLY, -1, SEEK_SET, "EINVAL"},
    SeekRow{"read.seek-past-end", "after the end", O_RDONLY, 1 << 30, SEEK_SET, "1073741824"},
    SeekRow{"read.seek-end", "SEEK_END: the size is not known", O_RDONLY, 0, SEEK_END, "EINVAL"},
    SeekRow{"read.seek-write-only", "SEEK_SET without reading", O_WRONLY, 20, SEEK_SET, "20"},
    SeekRow{"read.seek-end-write-only", "SEEK_END without reading", O_WRONLY, 0, SEEK_END, "EINVAL"},
};

Check seek(const SeekRow& row) {
  return {.id = row.id,
          .title = row.title,
          .needs = row.flags == O_RDONLY ? unsigned{kReading} : unsigned{kWriting},
          .run = [row](Context& c) -> Result<Finding> {
            IMAKEEP_TAKE(fd, open_file(c.directory().original(), row.flags));
            if (row.flags == O_RDONLY && ::lseek(fd.get(), 10, SEEK_SET) != 10) {
              return fail_errno(errno, "cannot seek to byte 10");
            }
            const off_t at = ::lseek(fd.get(), row.offset, row.whence);
            return compare(row.answer, at < 0 ? errno_name(errno) : std::to_string(at));
          }};
}

Result<Finding> read_goes_on_after_seek(Context& c) {
  IMAKEEP_TAKE(list, open_list(c, Form::kBinary));
  const std::size_t middle = list.whole.size() / 2;
  ::lseek(list.fd.get(), static_cast<off_t>(middle), SEEK_SET);
  IMAKEEP_TAKE(piece, read_piece(list, 50));
  return expect_same("the bytes at that offset", prefix_difference(slice(list.whole, middle, 50), piece));
}

}  // namespace

std::vector<Check> reading_checks() {
  std::vector<Check> checks;
  for (const Form form : kForms) {
    for (const std::size_t bytes : {std::size_t{1}, std::size_t{7}, std::size_t{4093}, std::size_t{65537}}) {
      checks.push_back(blocks(form, bytes));
    }
    checks.push_back(pread_anywhere(form));
  }
  checks.push_back(
      {"read.pread-keeps-position", "pread() does not move the position", kReading, pread_keeps_the_position});
  checks.push_back({"read.pread-past-end", "pread() after the end", kReading, pread_past_the_end});
  checks.push_back(
      {"read.two-descriptors", "each descriptor has its own position", kReading, descriptors_are_independent});
  for (const SeekRow& row : kSeeks) checks.push_back(seek(row));
  checks.push_back(
      {"read.after-seek", "reading continues at the position that lseek() set", kReading, read_goes_on_after_seek});
  checks.push_back({"read.growth", "a descriptor at the end sees added records", kWriting | kSource, growth_is_seen});
  return checks;
}

}  // namespace imakeep::conformance
