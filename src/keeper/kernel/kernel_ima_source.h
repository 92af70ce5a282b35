// keeper/kernel/kernel_ima_source.h - the files of an IMA directory behind the seam: Linux's securityfs, or a directory
// that serves the same files.
//
// To read, both parts are open O_RDONLY, the staged one first; to write, one part is open O_RDWR and read through the
// same descriptor. Two write descriptors whose thread is gone when they are closed leave Linux's lock taken until
// reboot, so there never are two; all are O_CLOEXEC. Reading is pread(2): where a request left the position does not
// matter.
//
// Source: ima_fs.c of Linux 7.3; DESIGN 2.1 to 2.3. Threads: as ImaSource.
#pragma once

#include <memory>

#include "base/file.h"
#include "imalog/ima_directory.h"
#include "keeper/ima_source.h"

namespace imakeep::keeper {

class KernelImaSource : public ImaSource {
 public:
  // Names the running kernel; a line that Linux makes anew at every boot and kexec.
  static constexpr const char* kBootIdFile = "/proc/sys/kernel/random/boot_id";
  static std::string boot_id_in(const std::string& file);  // empty if it cannot be read

  // Opens no list. `name` is what the directory is called where it is reached by another path. kEnvironment if it
  // cannot be read or is no IMA directory.
  static Result<std::unique_ptr<KernelImaSource>> in(const std::string& directory, const std::string& name = {},
                                                     const std::string& boot_id_file = kBootIdFile);
  ~KernelImaSource() override { close(); }

  const imalog::ImaDirectory& directory() const { return directory_; }

  const std::string& name() const override { return name_; }
  const std::vector<digest::Bank>& banks() const override { return directory_.banks(); }
  const digest::Bank& bank() const override { return bank_; }  // sha256 if there is one, else sha1
  bool has_staging() const override { return directory_.has_staging(); }
  bool takes_numbers() const override { return directory_.takes_numbers(); }
  std::string boot_id() override { return boot_id_in(boot_id_file_); }
  Result<void> open_to_read() override;
  Result<void> open_to_write(ListPart part) override;
  void close() noexcept override;
  Result<std::size_t> read(ListPart part, std::uint64_t offset, std::span<std::byte> into) override;
  Result<void> request(const std::string& text) override;
  Result<std::uint64_t> count() override { return directory_.count(); }

  // How far both parts were read since they were opened, in bytes together; the list's size if that was to their ends.
  std::uint64_t bytes_seen() const { return seen_[0] + seen_[1]; }

 private:
  KernelImaSource(imalog::ImaDirectory directory, std::string name, std::string boot_id_file);
  std::string path(ListPart part) const;
  UniqueFd& descriptor(ListPart part) { return descriptors_[part == ListPart::kStaged ? 0 : 1]; }

  const imalog::ImaDirectory directory_;
  const std::string name_;
  const std::string boot_id_file_;
  const digest::Bank bank_;
  UniqueFd descriptors_[2];     // by part
  std::uint64_t seen_[2] = {};  // by part
  std::optional<ListPart> writes_;
};

}  // namespace imakeep::keeper
