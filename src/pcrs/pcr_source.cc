// SPDX-License-Identifier: Apache-2.0
#include "pcrs/pcr_source.h"

#include <filesystem>

#include "tpm/esys/esys_pcr_banks.h"
#include "tpm/sysfs/sysfs_pcr_banks.h"

namespace imakeep::pcrs {
namespace {

constexpr const char* kKernelTcti = "device:/dev/tpmrm0";

}  // namespace

Result<std::unique_ptr<tpm::PcrBanks>> open_pcr_banks(const std::string& spec, const std::string& kernel_folder) {
  if (spec.empty()) {
    if (auto files = tpm::SysfsPcrBanks::open(kernel_folder)) return std::move(*files);
    return tpm::EsysPcrBanks::open(kKernelTcti);
  }
  std::error_code missing;
  if (std::filesystem::is_directory(spec, missing)) return tpm::SysfsPcrBanks::open(spec);
  return tpm::EsysPcrBanks::open(spec);
}

}  // namespace imakeep::pcrs
