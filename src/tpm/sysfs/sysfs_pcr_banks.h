// tpm/sysfs/sysfs_pcr_banks.h - the PCRs as Linux shows them in files: read-only, no library, no privilege.
//
//   FOLDER/pcr-ALG/N   upper-case hex and a newline; N is 0..23. FOLDER is /sys/class/tpm/tpm0.
// Every read of a file is a TPM2_PCR_Read by the kernel. Linux makes a folder for each allocated bank whose hash it
// knows, and none for others; TPM 1.2 has none.
// Source: tpm_sysfs_add_device() and pcr_value_show() in drivers/char/tpm/tpm-sysfs.c, Linux 5.12 and later.
// Threads: safe from any thread; after open() there is no state but the file system's.
#pragma once

#include <memory>
#include <string>

#include "tpm/pcr_banks.h"

namespace imakeep::tpm {

class SysfsPcrBanks : public PcrBanks {
 public:
  // Banks are those whose folders are there, in the order of digest::Algorithm; other folders are skipped.
  // kEnvironment when `folder` cannot be read or holds no bank.
  static Result<std::unique_ptr<SysfsPcrBanks>> open(const std::string& folder);

  const std::vector<digest::Bank>& banks() const override { return banks_; }
  // Always kUnsupported.
  Result<void> extend(std::uint32_t pcr, std::span<const digest::Digest> digests) override;
  // kEnvironment for a file that cannot be opened; kIo for one that holds no digest of its bank.
  Result<std::vector<digest::Digest>> read(std::uint32_t pcr) override;

 private:
  SysfsPcrBanks(std::string folder, std::vector<digest::Bank> banks)
      : folder_(std::move(folder)), banks_(std::move(banks)) {}

  const std::string folder_;
  const std::vector<digest::Bank> banks_;
};

}  // namespace imakeep::tpm
