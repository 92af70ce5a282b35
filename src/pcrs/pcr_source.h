// SPDX-License-Identifier: Apache-2.0
// pcrs/pcr_source.h - opens the PCRs of this machine, or of another TPM, for reading.
#pragma once

#include <memory>
#include <string>

#include "tpm/pcr_banks.h"

namespace imakeep::pcrs {

// Where Linux shows the PCRs of the machine's first TPM.
inline constexpr const char* kKernelPcrFolder = "/sys/class/tpm/tpm0";

// `spec` names the PCRs:
//   ""           this machine's: Linux's files in `kernel_folder`, or device:/dev/tpmrm0 if that has none
//   a directory  Linux's files there
//   else         a TCTI, such as "swtpm:host=127.0.0.1,port=2321"
// Errors are those of SysfsPcrBanks::open() and EsysPcrBanks::open().
Result<std::unique_ptr<tpm::PcrBanks>> open_pcr_banks(const std::string& spec,
                                                      const std::string& kernel_folder = kKernelPcrFolder);

}  // namespace imakeep::pcrs
