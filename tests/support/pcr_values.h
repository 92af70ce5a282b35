// SPDX-License-Identifier: Apache-2.0
// support/pcr_values.h - digests to extend, and the PCR values that result. Threads: no shared state.
#pragma once

#include <vector>

#include "digest/pcr_state.h"

namespace imakeep::test {

// A digest of the right size a bank, another one for each `seed` and bank.
inline std::vector<digest::Digest> digests_for(const std::vector<digest::Bank>& banks, std::uint8_t seed) {
  std::vector<digest::Digest> digests;
  for (const digest::Bank& bank : banks) {
    const auto fill = static_cast<std::uint8_t>(seed * 16 + digests.size() + 1);
    digests.push_back(digest::Digest::filled(bank.digest_bytes(), std::byte{fill}));
  }
  return digests;
}

// The values, a bank each, after extending zeros.
inline std::vector<digest::Digest> values_after(const std::vector<digest::Bank>& banks,
                                                const std::vector<std::vector<digest::Digest>>& extends) {
  digest::PcrState state(banks);
  std::vector<digest::Digest> values;
  for (std::size_t bank = 0; bank < banks.size(); ++bank) {
    for (const auto& digests : extends) state.extend(bank, 10, digests[bank]);
    values.push_back(state.value(bank, 10));
  }
  return values;
}

}  // namespace imakeep::test
