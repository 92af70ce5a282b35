// SPDX-License-Identifier: Apache-2.0
#include "daemon/bank_fills.h"

#include <algorithm>

#include "attest/list_files.h"
#include "attest/log_check.h"
#include "imalog/extend_rule.h"
#include "keeper/kernel/this_boot.h"

namespace imakeep::daemon {
namespace {

// The kernel's configuration allows PCRs 8 to 14 as IMA's PCR.
constexpr std::uint32_t kFirstPcr = 8;
constexpr std::uint32_t kLastPcr = 14;

std::vector<imalog::PcrValue> values_of(tpm::PcrBanks& pcrs, const std::vector<digest::Bank>& banks) {
  std::vector<imalog::PcrValue> values;
  for (std::uint32_t pcr = kFirstPcr; pcr <= kLastPcr; ++pcr) {
    const auto read = pcrs.read(pcr);
    if (!read) continue;
    for (std::size_t i = 0; i < read->size(); ++i) {
      const digest::Bank& bank = pcrs.banks()[i];
      const bool listed = digest::find_bank(banks, bank.algorithm) != nullptr;
      if (listed && digest::available(bank.algorithm)) {
        values.push_back({.bank = digest::bank_of(bank.algorithm), .pcr = pcr, .value = (*read)[i]});
      }
    }
  }
  return values;
}

std::vector<std::string> list_files(const imalog::ImaDirectory& directory) {
  std::vector<std::string> files;
  if (directory.has_staging()) files.push_back(directory.staged());
  files.push_back(directory.original());
  return files;
}

}  // namespace

std::vector<digest::Bank> telling_banks(std::vector<digest::Bank> banks, const std::vector<digest::Bank>& chain_banks) {
  banks = digest::with_fills_of(std::move(banks), chain_banks);
  const auto says_nothing = [](const digest::Bank& bank) {
    return imalog::strength_of(bank) == imalog::Strength::kNone;
  };
  if (!std::ranges::all_of(banks, says_nothing)) std::erase_if(banks, says_nothing);
  return banks;
}

Result<std::vector<digest::Bank>> banks_as_extended(const keeper::KernelImaSource& source, tpm::PcrBanks& pcrs,
                                                    archive::Archive& archive) {
  std::vector<digest::Bank> banks = source.banks();
  IMAKEEP_TRY(const auto& last, archive.chain_or_last(std::nullopt));
  if (last) {
    banks = telling_banks(std::move(banks), last->banks);
    IMAKEEP_TRY(const auto& of_this_boot, keeper::is_of_this_boot(archive, last->chain));
    if (of_this_boot) return banks;
  }
  const auto values = values_of(pcrs, source.banks());
  if (values.empty()) return banks;
  // The sha1 list's digests do not depend on a fill.
  attest::ListLog log(list_files(source.directory()), attest::open_files("/tmp"), source.directory().first_bank());
  const auto found = attest::find_fills(log, values);
  // If another process has the list open for writing, or the list is trimmed, keep the last chain's fills, or the usual
  // ones.
  if (!found) return banks;
  return telling_banks(std::move(banks), *found);
}

}  // namespace imakeep::daemon
