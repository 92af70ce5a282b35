// keeper/ima_source.h - the seam to an IMA directory: read its lists, send it requests. Linux's or imakeep's own, to
// the keeper they are the same.
//
// The lists may be open for reading by many or for writing by one task, never both (open_file below names the errors).
// So whoever has them open for reading keeps anybody from taking records out, and whoever has one open for writing has
// them to itself; records are appended all the while. An ImaSource has either both parts open for reading, or one part
// for reading and writing, or nothing: never two descriptors that can write.
//
// Source: DESIGN 2.1 to 2.3; ima_fs.c of Linux 7.3. What every version of the seam must do is
// tests/contract/ima_source_contract.h.
// Threads: one, the same for as long as the object lives: to Linux the thread is who holds the list.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "digest/bank.h"

namespace imakeep::keeper {

enum class ListPart : std::uint8_t { kStaged, kCurrent };

class ImaSource {
 public:
  virtual ~ImaSource() = default;

  // What a message calls it: the directory.
  virtual const std::string& name() const = 0;
  // There are lists for these; read() shows digests of bank().
  virtual const std::vector<digest::Bank>& banks() const = 0;
  virtual const digest::Bank& bank() const = 0;
  virtual bool has_staging() const = 0;    // CONFIG_IMA_STAGING: A and D are taken
  virtual bool takes_numbers() const = 0;  // Linux 7.2 or later: N is taken, unless the table is to be flushed
  // Names the running kernel; another one after a reboot or kexec. Empty if that is not known.
  virtual std::string boot_id() = 0;

  // Opening. Nothing is open. kEnvironment, with errno: EBUSY somebody has the list open the other way; EPERM or EACCES
  // not allowed; others. Nothing is open then.
  virtual Result<void> open_to_read() = 0;
  virtual Result<void> open_to_write(ListPart part) = 0;  // kStaged only with has_staging()
  virtual void close() noexcept = 0;

  // Up to into.size() bytes from `offset` of a part that is open; 0 at its end, which may move. An empty list where
  // there is no staging. kIo, with errno.
  virtual Result<std::size_t> read(ListPart part, std::uint64_t offset, std::span<std::byte> into) = 0;

  // One write() of "A\n", "D\n" or a number and "\n" to the part that is open for writing. kRefused with Linux's errno;
  // whether an interrupted one took effect is not known.
  virtual Result<void> request(const std::string& text) = 0;

  // Records in the current list. Needs nothing open.
  virtual Result<std::uint64_t> count() = 0;
};

}  // namespace imakeep::keeper
