// SPDX-License-Identifier: Apache-2.0
// reference/newc.h - walks the files of cpio archives in the form "newc", one after the other, as the kernel unpacks
// them into its first root.
//
//   entry := "070701" or "070702"  ino mode uid gid nlink mtime filesize devmajor devminor rdevmajor rdevminor
//            namesize check (8 hexadecimal digits each)  name[namesize] with NUL  padding to 4  data[filesize]  padding
//   An archive ends with an entry named "TRAILER!!!". Zeros may follow, then another archive, or compressed data.
//
// Source: Documentation/driver-api/early-userspace/buffer-format.rst of Linux. Threads: one thread at a time.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/bytes.h"
#include "base/result.h"

namespace imakeep::reference {

// One entry; it borrows from the archive.
struct NewcEntry {
  std::string_view name;  // without NUL
  std::uint32_t mode = 0;
  std::uint32_t inode = 0;
  std::uint32_t links = 0;
  std::uint64_t device = 0;
  ByteView data;
};

class NewcReader {
 public:
  // Borrows the bytes, which begin with an entry.
  explicit NewcReader(ByteView archive) : bytes_(archive) {}

  // The next entry; nothing after the end of the last archive: then offset() is that of the first byte which is no
  // zero and begins no entry, or the end. kTruncated: the bytes end within an entry; kMalformed: a number is none, or a
  // name has no NUL. Error::offset counts from the first byte.
  Result<std::optional<NewcEntry>> next();
  std::size_t offset() const { return offset_; }

  // True if an entry begins there.
  static bool begins_entry(ByteView bytes);

 private:
  Result<std::optional<NewcEntry>> entry();

  ByteView bytes_;
  std::size_t offset_ = 0;
};

}  // namespace imakeep::reference
