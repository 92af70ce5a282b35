// digest/pcr_state.h - the PCRs of several banks as values: what extending them leads to.
//
// Source: TPM 2.0 Library, part 1, section 17.4. All PCRs start at zero, as a TPM reset leaves those that IMA may use.
// Threads: values; const use is safe from any thread.
#pragma once

#include <optional>
#include <vector>

#include "digest/bank.h"
#include "digest/digest.h"

namespace imakeep::digest {

// The TPM's PCRs are numbered 0..kPcrCount-1.
inline constexpr std::uint32_t kPcrCount = 24;

class PcrState {
 public:
  PcrState() = default;
  explicit PcrState(std::vector<Bank> banks);

  const std::vector<Bank>& banks() const { return banks_; }

  // Where in banks() the bank is; empty if it is not.
  std::optional<std::size_t> index_of(const Bank& bank) const;

  // `bank` is an index into banks(), `pcr` less than kPcrCount.
  const Digest& value(std::size_t bank, std::uint32_t pcr) const { return values_[bank * kPcrCount + pcr]; }
  // `value` has the bank's digest size. Marks the PCR as touched.
  void set(std::size_t bank, std::uint32_t pcr, const Digest& value);
  // One extend of one bank. Marks the PCR as touched.
  void extend(std::size_t bank, std::uint32_t pcr, const Digest& digest);

  // Whether the PCR was extended or set since the start.
  bool touched(std::uint32_t pcr) const { return (touched_ >> pcr & 1) != 0; }
  // All that were, a bit each.
  std::uint32_t touched_pcrs() const { return touched_; }

  friend bool operator==(const PcrState&, const PcrState&) = default;

 private:
  std::vector<Bank> banks_;
  std::vector<Digest> values_;  // kPcrCount a bank
  std::uint32_t touched_ = 0;
};

}  // namespace imakeep::digest
