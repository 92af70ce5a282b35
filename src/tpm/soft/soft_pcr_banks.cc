// SPDX-License-Identifier: Apache-2.0
#include "tpm/soft/soft_pcr_banks.h"

namespace imakeep::tpm {

Result<void> SoftPcrBanks::extend(std::uint32_t pcr, std::span<const digest::Digest> digests) {
  IMAKEEP_CHECK(check_pcr(pcr));
  IMAKEEP_CHECK(check_digests(banks_, digests));
  const MutexLock lock(mutex_);
  for (std::size_t i = 0; i < banks_.size(); ++i) state_.extend(i, pcr, digests[i]);
  return {};
}

Result<std::vector<digest::Digest>> SoftPcrBanks::read(std::uint32_t pcr) {
  IMAKEEP_CHECK(check_pcr(pcr));
  const MutexLock lock(mutex_);
  std::vector<digest::Digest> values;
  for (std::size_t i = 0; i < banks_.size(); ++i) values.push_back(state_.value(i, pcr));
  return values;
}

}  // namespace imakeep::tpm
