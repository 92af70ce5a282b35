#include "digest/pcr_state.h"

namespace imakeep::digest {

PcrState::PcrState(std::vector<Bank> banks) : banks_(std::move(banks)) {
  values_.reserve(banks_.size() * kPcrCount);
  for (const Bank& bank : banks_) values_.insert(values_.end(), kPcrCount, Digest(bank.digest_bytes()));
}

void PcrState::set(std::size_t bank, std::uint32_t pcr, const Digest& value) {
  values_[bank * kPcrCount + pcr] = value;
  touched_ |= 1u << pcr;
}

void PcrState::extend(std::size_t bank, std::uint32_t pcr, const Digest& digest) {
  set(bank, pcr, digest::extend(banks_[bank].algorithm, value(bank, pcr), digest));
}

}  // namespace imakeep::digest
