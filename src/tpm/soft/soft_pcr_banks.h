// SPDX-License-Identifier: Apache-2.0
// tpm/soft/soft_pcr_banks.h - PCR banks in memory, for machines without a TPM and for tests.
// Threads: safe from any thread.
#pragma once

#include "base/mutex.h"
#include "tpm/pcr_banks.h"

namespace imakeep::tpm {

class SoftPcrBanks : public PcrBanks {
 public:
  // Starts with the PCR values of `state`, and has the same banks.
  explicit SoftPcrBanks(digest::PcrState state) : banks_(state.banks()), state_(std::move(state)) {}

  const std::vector<digest::Bank>& banks() const override { return banks_; }
  Result<void> extend(std::uint32_t pcr, std::span<const digest::Digest> digests) override;
  Result<std::vector<digest::Digest>> read(std::uint32_t pcr) override;

 private:
  const std::vector<digest::Bank> banks_;
  Mutex mutex_;
  digest::PcrState state_ IMAKEEP_GUARDED_BY(mutex_);
};

}  // namespace imakeep::tpm
