// SPDX-License-Identifier: Apache-2.0
// tpm/pcr_banks.h - interface to PCRs: extends or reads one PCR in every bank.
//
// One call extends all banks together. A read may take the banks one after the other: only the extend is atomic.
// tests/contract/pcr_banks_contract.h defines what every implementation must do. Source: TPM 2.0 Library, part 3,
// TPM2_PCR_Extend and TPM2_PCR_Read.
//
// Errors of both calls:
//   kUsage        no TPM has that PCR, or `digests` is not one digest of the right size for each bank; nothing was done
//   kUnsupported  these banks can only be read (extend() alone)
//   kEnvironment  the TPM answers, but refuses now: not started, locked out, busy. Nothing was done; the message says
//                 what to change before a retry
//   kIo           the TPM failed, or its answer never came: whether the PCR was extended is unknown
// Threads: safe from any thread.
#pragma once

#include <span>
#include <vector>

#include "digest/pcr_state.h"

namespace imakeep::tpm {

// Counts of how often the TPM started again. A TPM reset and a TPM restart set the PCRs back. A TPM resume, which the
// TPM also counts as a restart, does not. Source: TPM 2.0 Library, part 1, section 36.7 and part 2, TPMS_CLOCK_INFO.
struct ResetCounts {
  std::uint32_t resets = 0;
  std::uint32_t restarts = 0;  // since the last reset

  friend bool operator==(const ResetCounts&, const ResetCounts&) = default;
};

class PcrBanks {
 public:
  virtual ~PcrBanks() = default;

  // Not empty, without duplicates, and constant for the life of the object.
  virtual const std::vector<digest::Bank>& banks() const = 0;

  // Extends PCR `pcr` of every bank; `digests` are in the order of banks().
  virtual Result<void> extend(std::uint32_t pcr, std::span<const digest::Digest> digests) = 0;

  // The PCR's value in every bank, in the order of banks().
  virtual Result<std::vector<digest::Digest>> read(std::uint32_t pcr) = 0;

  // Empty if the implementation can read only the PCRs.
  virtual Result<std::optional<ResetCounts>> reset_counts() { return std::nullopt; }
};

// kUsage unless a TPM has PCR `pcr`. For implementations of PcrBanks.
Result<void> check_pcr(std::uint32_t pcr);
// kUsage unless `digests` has one digest of the right size for each bank.
Result<void> check_digests(const std::vector<digest::Bank>& banks, std::span<const digest::Digest> digests);

}  // namespace imakeep::tpm
