// imalog/pcr_state.h - the PCRs of several banks, as replaying a measurement list leads to them.
//
// Source: TPM 2.0 Library, part 1, section 17.4; ima_pcr_extend() in ima_queue.c. A bank's PCRs start at zero, as a TPM
// reset leaves those that IMA may use.
// Threads: values; const use is safe from any thread.
#pragma once

#include <vector>

#include "imalog/template_digest.h"

namespace imakeep::imalog {

class PcrState {
 public:
  PcrState() = default;
  explicit PcrState(std::vector<digest::Bank> banks);

  const std::vector<digest::Bank>& banks() const { return banks_; }

  // `bank` is an index into banks(), `pcr` less than kPcrCount.
  const digest::Digest& value(std::size_t bank, std::uint32_t pcr) const { return values_[bank * kPcrCount + pcr]; }
  // `value` has the bank's digest size. Marks the PCR as extended.
  void set(std::size_t bank, std::uint32_t pcr, const digest::Digest& value);
  // One extend of one bank. Marks the PCR as extended.
  void extend(std::size_t bank, std::uint32_t pcr, const digest::Digest& digest);
  // One record into every bank.
  void extend(const RecordContentView& content);

  // Whether the PCR was extended or set since the start.
  bool touched(std::uint32_t pcr) const { return (touched_ >> pcr & 1) != 0; }

  friend bool operator==(const PcrState&, const PcrState&) = default;

 private:
  std::vector<digest::Bank> banks_;
  std::vector<digest::Digest> values_;  // kPcrCount a bank
  std::uint32_t touched_ = 0;
};

}  // namespace imakeep::imalog
