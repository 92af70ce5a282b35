// SPDX-License-Identifier: Apache-2.0
// digest/pcr_state.h - the PCRs of several banks as values, and the effect of extends on them.
//
// Source: TPM 2.0 Library, part 1, section 17.4. All PCRs start at zero: a TPM reset does that to the PCRs that IMA may
// use.
// Threads: plain values; const use is safe from any thread.
#pragma once

#include <optional>
#include <vector>

#include "digest/bank.h"
#include "digest/digest.h"

namespace imakeep::digest {

// A TPM has the PCRs 0 to kPcrCount - 1.
inline constexpr std::uint32_t kPcrCount = 24;

class PcrState {
 public:
  PcrState() = default;
  explicit PcrState(std::vector<Bank> banks);

  const std::vector<Bank>& banks() const { return banks_; }
  // The same values, of banks that differ in their fills alone.
  PcrState with_fills(std::vector<Bank> banks) const;

  // The index of the bank in banks(); empty if the bank is missing.
  std::optional<std::size_t> index_of(const Bank& bank) const;

  // `bank` is an index into banks(); `pcr` is less than kPcrCount.
  const Digest& value(std::size_t bank, std::uint32_t pcr) const { return values_[bank * kPcrCount + pcr]; }
  // `value` has the bank's digest size. Marks the PCR as touched.
  void set(std::size_t bank, std::uint32_t pcr, const Digest& value);
  // Extends the PCR in one bank. Marks the PCR as touched.
  void extend(std::size_t bank, std::uint32_t pcr, const Digest& digest);

  // True if the PCR was extended or set since the start.
  bool touched(std::uint32_t pcr) const { return (touched_ >> pcr & 1) != 0; }
  // The touched PCRs, one bit each.
  std::uint32_t touched_pcrs() const { return touched_; }

  friend bool operator==(const PcrState&, const PcrState&) = default;

 private:
  std::vector<Bank> banks_;
  std::vector<Digest> values_;  // kPcrCount for each bank
  std::uint32_t touched_ = 0;
};

}  // namespace imakeep::digest
