// SPDX-License-Identifier: Apache-2.0
#include "digest/pcr_state.h"

#include <algorithm>

namespace imakeep::digest {

PcrState::PcrState(std::vector<Bank> banks) : banks_(std::move(banks)) {
  values_.reserve(banks_.size() * kPcrCount);
  for (const Bank& bank : banks_) values_.insert(values_.end(), kPcrCount, Digest(bank.digest_bytes()));
}

PcrState PcrState::with_fills(std::vector<Bank> banks) const {
  PcrState state = *this;
  state.banks_ = std::move(banks);
  return state;
}

std::optional<std::size_t> PcrState::index_of(const Bank& bank) const {
  const auto found = std::find(banks_.begin(), banks_.end(), bank);
  if (found == banks_.end()) return std::nullopt;
  return static_cast<std::size_t>(found - banks_.begin());
}

void PcrState::set(std::size_t bank, std::uint32_t pcr, const Digest& value) {
  values_[bank * kPcrCount + pcr] = value;
  touched_ |= 1u << pcr;
}

void PcrState::extend(std::size_t bank, std::uint32_t pcr, const Digest& digest) {
  set(bank, pcr, digest::extend(banks_[bank].algorithm, value(bank, pcr), digest));
}

}  // namespace imakeep::digest
