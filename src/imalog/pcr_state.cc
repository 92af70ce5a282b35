#include "imalog/pcr_state.h"

namespace imakeep::imalog {

PcrState::PcrState(std::vector<digest::Bank> banks) : banks_(std::move(banks)) {
  values_.reserve(banks_.size() * kPcrCount);
  for (const digest::Bank& bank : banks_) {
    values_.insert(values_.end(), kPcrCount, digest::Digest(bank.digest_bytes()));
  }
}

void PcrState::set(std::size_t bank, std::uint32_t pcr, const digest::Digest& value) {
  values_[bank * kPcrCount + pcr] = value;
  touched_ |= 1u << pcr;
}

void PcrState::extend(std::size_t bank, std::uint32_t pcr, const digest::Digest& digest) {
  set(bank, pcr, digest::extend(banks_[bank].algorithm, value(bank, pcr), digest));
}

void PcrState::extend(const RecordContentView& content) {
  for (std::size_t bank = 0; bank < banks_.size(); ++bank) {
    extend(bank, content.pcr, extended_digest(banks_[bank], content));
  }
}

}  // namespace imakeep::imalog
