// SPDX-License-Identifier: Apache-2.0
// faulty_vfs.h - a SQLite VFS that fails at a chosen write, sync, truncation or creation of a file, and else does what
// SQLite's own does.
//
// Source: https://sqlite.org/vfs.html; the methods are those of sqlite3_io_methods version 3. Threads: one.
#pragma once

#include <cstdint>
#include <string>

namespace imakeep::test {

enum class Fault : std::uint8_t {
  kNoSpace,     // ENOSPC before anything is written
  kIoBefore,    // EIO before it took effect
  kIoAfter,     // EIO after it took effect
  kShortWrite,  // half of the bytes are written, then ENOSPC; EIO if the operation writes nothing
};

class FaultyVfs {
 public:
  FaultyVfs();
  ~FaultyVfs();
  FaultyVfs(const FaultyVfs&) = delete;
  FaultyVfs& operator=(const FaultyVfs&) = delete;

  // The name for SqliteStore::open().
  std::string name() const;
  // The `operation`th effect from now on (from 0) fails; if `lasting`, so does every later one.
  void fail_at(std::uint64_t operation, Fault fault, bool lasting);
  void fail_never();
  // Effects since then, and those of them that were a sync.
  std::uint64_t operations() const;
  std::uint64_t syncs() const;
};

}  // namespace imakeep::test
