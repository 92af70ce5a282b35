// SPDX-License-Identifier: Apache-2.0
// control/pcr_recorder.h - extends PCR banks for a list, and remembers which PCRs were extended.
// Threads: safe from any thread.
#pragma once

#include <atomic>

#include "tpm/pcr_banks.h"

namespace imakeep::control {

class PcrRecorder {
 public:
  // Keeps a reference to `banks`. `extended` has one bit for each PCR that counts as extended already.
  explicit PcrRecorder(tpm::PcrBanks& banks, std::uint32_t extended = 0) : banks_(banks), extended_(extended) {}

  // Same as tpm::PcrBanks::extend(). mlist::PcrExtend calls it.
  Result<void> extend(std::uint32_t pcr, std::span<const digest::Digest> digests) {
    extended_.fetch_or(1u << pcr);
    return banks_.extend(pcr, digests);
  }

  bool extended(std::uint32_t pcr) const { return (extended_.load() >> pcr & 1) != 0; }
  tpm::PcrBanks& banks() { return banks_; }

 private:
  tpm::PcrBanks& banks_;
  std::atomic<std::uint32_t> extended_;
};

}  // namespace imakeep::control
