// SPDX-License-Identifier: Apache-2.0
// keeper/ima_source.h - the seam to an IMA directory: reads its lists and sends it requests. The directory is Linux's
// or imakeep's own; the keeper treats both alike.
//
// Many tasks may have the lists open for reading, or one task for writing, never both; see the errors of open_to_read()
// below. So while a task has the lists open for reading, nobody can trim them. While a task has one open for writing,
// no other task has any open. Linux appends records in both cases. An ImaSource has either both parts open for reading,
// or one part for reading and writing, or nothing. It never has two descriptors that can write.
//
// Source: docs/protocol.md, "Files and requests" and "Opening"; ima_fs.c of Linux 7.3.
// tests/contract/ima_source_contract.h says what every implementation of the seam must do.
// Threads: one, the same for as long as the object lives: to Linux, it is the thread that holds the list.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "digest/bank.h"

namespace imakeep::keeper {

enum class ListPart : std::uint8_t { kStaged, kCurrent };

class ImaSource {
 public:
  virtual ~ImaSource() = default;

  // The name that messages use: the directory.
  virtual const std::string& name() const = 0;
  // The banks that have lists. read() shows digests of bank().
  virtual const std::vector<digest::Bank>& banks() const = 0;
  virtual const digest::Bank& bank() const = 0;
  // Byte order of the numbers in the list, known after its beginning was read. With ima_canonical_fmt it is
  // little-endian on any host.
  virtual ByteOrder order() const { return kHostOrder; }
  virtual bool has_staging() const = 0;    // CONFIG_IMA_STAGING: the kernel takes A and D
  virtual bool takes_numbers() const = 0;  // Linux 7.2 or later: the kernel takes N, unless the table is to be flushed
  // Identifies the running kernel; changes with every reboot or kexec. Empty if it is not known.
  virtual std::string boot_id() = 0;

  // Opens the lists. REQUIRES: nothing is open. Error: kEnvironment, with errno. EBUSY: another task has the list open
  // in a way that excludes this one. EPERM or EACCES: not allowed. Others may come. After an error nothing is open.
  virtual Result<void> open_to_read() = 0;
  virtual Result<void> open_to_write(ListPart part) = 0;  // kStaged only with has_staging()
  virtual void close() noexcept = 0;

  // Reads up to into.size() bytes from `offset` of an open part. Returns 0 at the part's end, which may move. Without
  // staging, the staged list reads as empty. Error: kIo, with errno.
  virtual Result<std::size_t> read(ListPart part, std::uint64_t offset, std::span<std::byte> into) = 0;

  // Sends "A\n", "D\n" or a number and "\n" by one write() to the part that is open for writing. Error: kRefused, with
  // Linux's errno. If the write was interrupted, it is not known whether the request took effect.
  virtual Result<void> request(const std::string& text) = 0;

  // The count of records in the current list, and of violations since the kernel started. Both work with nothing open.
  virtual Result<std::uint64_t> count() = 0;
  virtual Result<std::uint64_t> violations() = 0;
  // Bytes of both parts that were read since they were opened to read: the list's size, if both were read to their
  // ends.
  virtual std::uint64_t bytes_seen() const = 0;
};

}  // namespace imakeep::keeper
