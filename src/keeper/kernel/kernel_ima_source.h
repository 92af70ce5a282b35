// SPDX-License-Identifier: Apache-2.0
// keeper/kernel/kernel_ima_source.h - the files of an IMA directory as an ImaSource: Linux's securityfs, or a directory
// that serves the same files.
//
// To read, the source opens both parts O_RDONLY, the staged one first. To write, it opens one part O_RDWR and reads
// through the same descriptor. If two write descriptors are closed after their thread ended, Linux's lock stays taken
// until reboot. So the source never has two. All descriptors are O_CLOEXEC. Reading is pread(2), so the position that a
// request leaves does not matter.
//
// Source: docs/protocol.md, "Files and requests" and "Opening"; ima_fs.c of Linux 7.3. Threads: as ImaSource.
#pragma once

#include <memory>

#include "base/file.h"
#include "imalog/ima_directory.h"
#include "keeper/ima_source.h"

namespace imakeep::keeper {

class KernelImaSource : public ImaSource {
 public:
  // Identifies the running kernel: a line that Linux makes anew at every boot and kexec.
  static constexpr const char* kBootIdFile = "/proc/sys/kernel/random/boot_id";
  // The boot id in `file`; empty if the file does not exist. kEnvironment if it cannot be read.
  static Result<std::string> boot_id_in(const std::string& file);

  // Opens no list. `name` is the directory's name in messages, if it is reached by another path. kEnvironment if the
  // directory or the boot id cannot be read, or if it is no IMA directory.
  static Result<std::unique_ptr<KernelImaSource>> in(const std::string& directory, const std::string& name = {},
                                                     const std::string& boot_id_file = kBootIdFile);
  ~KernelImaSource() override { close(); }

  // Locks the list for one keeper, for as long as the object lives. Two keepers with archives of their own would each
  // delete records that only the other has. kEnvironment if another process has the lock.
  Result<void> take();
  // Checks that requests may be written to the directory's lists. kEnvironment if they are saved copies, which a
  // request would overwrite. Opens one list for reading, and closes it. REQUIRES: nothing is open.
  Result<void> require_live();

  const imalog::ImaDirectory& directory() const { return directory_; }

  const std::string& name() const override { return name_; }
  // Uses only `banks`, some of the directory's, each as the kernel extends it, instead of all banks as usual. REQUIRES:
  // `banks` is not empty, and nothing is open.
  void set_banks(std::vector<digest::Bank> banks);
  const std::vector<digest::Bank>& banks() const override { return banks_; }
  const digest::Bank& bank() const override { return bank_; }  // sha256 if it is extended as usual, otherwise the first
  ByteOrder order() const override { return order_; }
  bool has_staging() const override { return directory_.has_staging(); }
  bool takes_numbers() const override { return directory_.takes_numbers(); }
  std::string boot_id() override { return boot_id_; }
  Result<void> open_to_read() override;
  Result<void> open_to_write(ListPart part) override;
  void close() noexcept override;
  Result<std::size_t> read(ListPart part, std::uint64_t offset, std::span<std::byte> into) override;
  Result<void> request(const std::string& text) override;
  Result<std::uint64_t> count() override { return directory_.count(); }
  Result<std::uint64_t> violations() override { return directory_.violations(); }
  std::uint64_t bytes_seen() const override { return seen_[0] + seen_[1]; }

 private:
  KernelImaSource(imalog::ImaDirectory directory, std::string name, std::string boot_id);
  std::string path(ListPart part) const;
  UniqueFd& descriptor(ListPart part) { return descriptors_[part == ListPart::kStaged ? 0 : 1]; }

  const imalog::ImaDirectory directory_;
  const std::string name_;
  const std::string boot_id_;  // no process outlives its kernel
  std::vector<digest::Bank> banks_;
  digest::Bank bank_;
  ByteOrder order_ = kHostOrder;  // as the last reading of a list's beginning showed it
  UniqueFd descriptors_[2];       // by part
  std::uint64_t seen_[2] = {};    // by part
  std::optional<ListPart> writes_;
  UniqueFd taken_;  // the directory, locked by flock(2)
};

}  // namespace imakeep::keeper
