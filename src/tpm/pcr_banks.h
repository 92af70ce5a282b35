// tpm/pcr_banks.h - the seam to whatever holds the PCRs: extend one, read one, in every bank at once.
//
// Banks are extended together and read one after the other; only extending is atomic. What every version of the seam
// must do is tests/contract/pcr_banks_contract.h. Source: TPM 2.0 Library, part 3, TPM2_PCR_Extend and TPM2_PCR_Read.
//
// Errors of both calls:
//   kUsage        no TPM has that PCR, or the digests are not one of the right size a bank; nothing was done
//   kUnsupported  these banks can only be read (extend() alone)
//   kEnvironment  the TPM answers, but will not do it now: not started, locked out, busy. Nothing was done; the message
//                 says what to change before a retry
//   kIo           the TPM failed, or its answer never came: whether the PCR was extended is unknown
// Threads: safe from any thread.
#pragma once

#include <span>
#include <vector>

#include "digest/pcr_state.h"

namespace imakeep::tpm {

class PcrBanks {
 public:
  virtual ~PcrBanks() = default;

  // Not empty, without repeats, and the same for as long as the object lives.
  virtual const std::vector<digest::Bank>& banks() const = 0;

  // Extends PCR `pcr` of every bank; `digests` are in the order of banks().
  virtual Result<void> extend(std::uint32_t pcr, std::span<const digest::Digest> digests) = 0;

  // The PCR's value in every bank, in the order of banks().
  virtual Result<std::vector<digest::Digest>> read(std::uint32_t pcr) = 0;
};

// kUsage unless `pcr` is one of a TPM's. For the versions of the seam.
Result<void> check_pcr(std::uint32_t pcr);
// kUsage unless there is one digest of the right size a bank.
Result<void> check_digests(const std::vector<digest::Bank>& banks, std::span<const digest::Digest> digests);

}  // namespace imakeep::tpm
