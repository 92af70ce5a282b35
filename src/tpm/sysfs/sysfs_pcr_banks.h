// SPDX-License-Identifier: Apache-2.0
// tpm/sysfs/sysfs_pcr_banks.h - the PCRs that Linux shows in files. Read-only; needs no library and no privilege.
//
//   FOLDER/pcr-ALG/N   upper-case hex and a newline; N is 0..23. FOLDER is /sys/class/tpm/tpm0.
// The kernel answers each read of a file with a TPM2_PCR_Read. Linux makes a folder for each allocated bank whose hash
// it knows, and none for other banks. A TPM 1.2 has no such folders.
// Source: tpm_sysfs_add_device() and pcr_value_show() in drivers/char/tpm/tpm-sysfs.c, Linux 5.12 and later.
// Threads: safe from any thread; after open() the only state is in the file system.
#pragma once

#include <memory>
#include <string>

#include "tpm/pcr_banks.h"

namespace imakeep::tpm {

class SysfsPcrBanks : public PcrBanks {
 public:
  // The banks are those with a folder, in the order of digest::Algorithm. Folders of unknown banks are skipped.
  // kEnvironment if `folder` cannot be read or contains no bank.
  static Result<std::unique_ptr<SysfsPcrBanks>> open(const std::string& folder);

  const std::vector<digest::Bank>& banks() const override { return banks_; }
  // Always fails with kUnsupported.
  Result<void> extend(std::uint32_t pcr, std::span<const digest::Digest> digests) override;
  // kEnvironment for a file that cannot be opened; kIo for a file without a digest of its bank.
  Result<std::vector<digest::Digest>> read(std::uint32_t pcr) override;

 private:
  SysfsPcrBanks(std::string folder, std::vector<digest::Bank> banks)
      : folder_(std::move(folder)), banks_(std::move(banks)) {}

  const std::string folder_;
  const std::vector<digest::Bank> banks_;
};

}  // namespace imakeep::tpm
