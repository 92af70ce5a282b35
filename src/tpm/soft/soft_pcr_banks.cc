#include "tpm/soft/soft_pcr_banks.h"

namespace imakeep::tpm {

Result<void> SoftPcrBanks::extend(std::uint32_t pcr, std::span<const digest::Digest> digests) {
  if (pcr >= digest::kPcrCount) return fail(ErrorCode::kUsage, "no PCR " + std::to_string(pcr));
  if (digests.size() != banks_.size()) return fail(ErrorCode::kUsage, "one digest a bank is needed");
  for (std::size_t i = 0; i < banks_.size(); ++i) {
    if (digests[i].size() != banks_[i].digest_bytes()) {
      return fail(ErrorCode::kUsage, "a digest of the wrong size for bank " + banks_[i].name());
    }
  }
  const MutexLock lock(mutex_);
  for (std::size_t i = 0; i < banks_.size(); ++i) state_.extend(i, pcr, digests[i]);
  return {};
}

Result<std::vector<digest::Digest>> SoftPcrBanks::read(std::uint32_t pcr) {
  if (pcr >= digest::kPcrCount) return fail(ErrorCode::kUsage, "no PCR " + std::to_string(pcr));
  const MutexLock lock(mutex_);
  std::vector<digest::Digest> values;
  for (std::size_t i = 0; i < banks_.size(); ++i) values.push_back(state_.value(i, pcr));
  return values;
}

}  // namespace imakeep::tpm
