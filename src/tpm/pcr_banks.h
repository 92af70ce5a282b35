// tpm/pcr_banks.h - the seam to whatever holds the PCRs: extend one, read one, in every bank at once.
//
// Banks are extended together and read one after the other; only extending is atomic. Source: TPM 2.0 Library, part 3,
// TPM2_PCR_Extend and TPM2_PCR_Read. Threads: safe from any thread.
#pragma once

#include <span>
#include <vector>

#include "digest/pcr_state.h"

namespace imakeep::tpm {

class PcrBanks {
 public:
  virtual ~PcrBanks() = default;

  virtual const std::vector<digest::Bank>& banks() const = 0;

  // Extends PCR `pcr` of every bank; `digests` are in the order of banks(). kIo when the TPM fails: banks may then
  // differ in what they hold.
  virtual Result<void> extend(std::uint32_t pcr, std::span<const digest::Digest> digests) = 0;

  // The PCR's value in every bank, in the order of banks(). kIo when the TPM fails.
  virtual Result<std::vector<digest::Digest>> read(std::uint32_t pcr) = 0;
};

}  // namespace imakeep::tpm
