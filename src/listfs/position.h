// SPDX-License-Identifier: Apache-2.0
// listfs/position.h - computes a descriptor's position on Linux from the offsets that FUSE reports.
//
// On Linux a request does not move the position: after a write the next plain read continues where the last read ended.
// The kernel's FUSE client moves the position by the bytes written, and reports only offsets. A plain read at the moved
// position therefore looks like a pread(). So Position tracks the client-side position of each descriptor as far as
// possible: an lseek() stays invisible until the next read or write.
// Threads: one thread at a time uses an object.
#pragma once

#include <cstdint>
#include <optional>

namespace imakeep::listfs {

class Position {
 public:
  // Returns the offset that a read at FUSE's `offset` means on Linux.
  std::uint64_t of_read(std::uint64_t offset) const { return offset == client_ ? linux_ : offset; }
  void did_read(std::uint64_t offset, std::uint64_t bytes);

  // True if a write at FUSE's `offset` is a plain write. Linux refuses pwrite(). A write at 0 counts as plain, because
  // it may follow lseek(fd, 0, SEEK_SET).
  bool plain_write(std::uint64_t offset) const { return offset == client_ || offset == elsewhere_ || offset == 0; }
  void did_write(std::uint64_t offset, std::uint64_t bytes);

 private:
  std::uint64_t client_ = 0;                // FUSE's position if every read at another offset was a pread()
  std::uint64_t linux_ = 0;                 // the position on Linux
  std::optional<std::uint64_t> elsewhere_;  // both positions, if the last read at another offset followed an lseek()
};

}  // namespace imakeep::listfs
