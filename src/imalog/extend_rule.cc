// SPDX-License-Identifier: Apache-2.0
#include "imalog/extend_rule.h"

#include <algorithm>

namespace imakeep::imalog {
namespace {

using digest::Fill;

constexpr std::size_t kPaddedFromBytes = 20;

}  // namespace

Strength strength_of(const digest::Bank& bank) {
  if (bank.fill == Fill::kInvalidated) return Strength::kNone;
  return bank.padded() || bank.algorithm == digest::Algorithm::kSha1 ? Strength::kSha1 : Strength::kFull;
}

digest::Digest violation_digest(const digest::Bank& bank) {
  if (bank.fill == Fill::kInvalidated) return invalid_digest(bank);
  if (bank.fill != Fill::kPaddedSha1Short) return digest::Digest::filled(bank.digest_bytes(), std::byte{0xff});
  digest::Digest digest(bank.digest_bytes());
  std::fill_n(digest.data(), kPaddedFromBytes, std::byte{0xff});
  return digest;
}

digest::Digest invalid_digest(const digest::Bank& bank) {
  return digest::Digest::filled(bank.digest_bytes(), std::byte{0xfe});
}

std::vector<digest::Bank> other_fills(const digest::Bank& bank) {
  std::vector<digest::Bank> others;
  if (bank != digest::bank_of(bank.algorithm)) return others;
  for (const Fill fill : {Fill::kPaddedSha1Short, Fill::kPaddedSha1, Fill::kInvalidated}) {
    const auto other = digest::with_fill(bank, fill);
    if (other && *other != bank) others.push_back(*other);
  }
  return others;
}

namespace {

// Gives each bank whose bit is set in `chosen` the fill `fill`, if a kernel may have used that fill.
std::vector<digest::Bank> refilled(const std::vector<digest::Bank>& banks, std::uint32_t chosen, Fill fill) {
  std::vector<digest::Bank> filled = banks;
  for (std::size_t i = 0; i < banks.size(); ++i) {
    if ((chosen >> i & 1) == 0) continue;
    for (const digest::Bank& other : other_fills(banks[i])) {
      if (other.fill == fill) filled[i] = other;
    }
  }
  return filled;
}

}  // namespace

std::vector<std::vector<digest::Bank>> other_fills_together(const std::vector<digest::Bank>& banks) {
  constexpr std::size_t kMaxBanksInSets = 4;
  const auto all = (1u << banks.size()) - 1;
  std::vector<std::vector<digest::Bank>> ways;
  const auto add = [&](std::vector<digest::Bank> way) {
    if (way != banks && std::ranges::find(ways, way) == ways.end()) ways.push_back(std::move(way));
  };
  add(refilled(banks, all, Fill::kPaddedSha1Short));
  for (const Fill fill : {Fill::kPaddedSha1, Fill::kInvalidated}) {
    for (std::uint32_t chosen = 1; chosen <= all; ++chosen) {
      const bool alone = (chosen & (chosen - 1)) == 0;
      if (banks.size() <= kMaxBanksInSets || alone || chosen == all) add(refilled(banks, chosen, fill));
    }
  }
  return ways;
}

std::vector<digest::Bank> with_other_padding(std::vector<digest::Bank> banks) {
  for (digest::Bank& bank : banks) {
    if (!bank.padded()) continue;
    const Fill other = bank.fill == Fill::kPaddedSha1 ? Fill::kPaddedSha1Short : Fill::kPaddedSha1;
    if (const auto repadded = digest::with_fill(digest::bank_of(bank.algorithm), other)) bank = *repadded;
  }
  return banks;
}

std::string fill_text(const digest::Bank& bank, bool either_padding) {
  const bool named = digest::bank_of(bank.algorithm).fill == Fill::kOwnHash;
  switch (bank.fill) {
    case Fill::kOwnHash:
      return "";
    case Fill::kInvalidated:
      return "invalidated by a kernel without that hash (0xfe), which proves nothing";
    case Fill::kPaddedSha1:
    case Fill::kPaddedSha1Short:
      break;
  }
  if (!named) return "padded sha1, as Linux does in a bank that it cannot name";
  if (either_padding) return "padded sha1, as Linux does before 5.8, or later without that hash";
  return bank.fill == Fill::kPaddedSha1 ? "padded sha1, as Linux without that hash does"
                                        : "padded sha1, as Linux before 5.8 does";
}

}  // namespace imakeep::imalog
