// fusefs/position.h - where Linux would have a descriptor's position, worked out from the offsets that FUSE tells.
//
// On Linux a request does not move the position: after a write the next plain read goes on where the last one ended.
// The kernel's FUSE client, though, moves it by what was written, and tells us offsets only: a plain read at a moved
// position looks like a pread(). So each descriptor's client-side position is followed, as far as it can be known:
// lseek() is unseen until the next read or write. Threads: an object belongs to one thread at a time.
#pragma once

#include <cstdint>
#include <optional>

namespace imakeep::fusefs {

class Position {
 public:
  // The offset that a read at FUSE's `offset` means on Linux.
  std::uint64_t of_read(std::uint64_t offset) const { return offset == client_ ? linux_ : offset; }
  void did_read(std::uint64_t offset, std::uint64_t bytes);

  // Whether a write at FUSE's `offset` is a plain one; no pwrite() is taken on Linux. A write at 0 counts as plain, as
  // after lseek(fd, 0, SEEK_SET).
  bool plain_write(std::uint64_t offset) const { return offset == client_ || offset == elsewhere_ || offset == 0; }
  void did_write(std::uint64_t offset, std::uint64_t bytes);

 private:
  std::uint64_t client_ = 0;                // FUSE's position if every read elsewhere was a pread()
  std::uint64_t linux_ = 0;                 // Linux's
  std::optional<std::uint64_t> elsewhere_;  // both, if the last read elsewhere came after an lseek()
};

}  // namespace imakeep::fusefs
