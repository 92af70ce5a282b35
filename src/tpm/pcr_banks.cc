// SPDX-License-Identifier: Apache-2.0
#include "tpm/pcr_banks.h"

namespace imakeep::tpm {

Result<void> check_pcr(std::uint32_t pcr) {
  if (pcr < digest::kPcrCount) return {};
  return fail(ErrorCode::kUsage, "no PCR " + std::to_string(pcr) + "; a TPM has 0 to 23");
}

Result<void> check_digests(const std::vector<digest::Bank>& banks, std::span<const digest::Digest> digests) {
  if (digests.size() != banks.size()) return fail(ErrorCode::kUsage, "one digest for each bank is required");
  for (std::size_t i = 0; i < banks.size(); ++i) {
    if (digests[i].size() != banks[i].digest_bytes()) {
      return fail(ErrorCode::kUsage, "a digest of the wrong size for bank " + banks[i].name());
    }
  }
  return {};
}

}  // namespace imakeep::tpm
