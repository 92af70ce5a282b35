// SPDX-License-Identifier: Apache-2.0
#include "digest/bank.h"

#include <algorithm>
#include <cstdio>

#include "base/text.h"

namespace imakeep::digest {
namespace {

struct FillName {
  Fill fill;
  std::string_view name;
};

constexpr FillName kFillNames[] = {{Fill::kOwnHash, "native"},
                                   {Fill::kPaddedSha1, "padded"},
                                   {Fill::kPaddedSha1Short, "padded-short"},
                                   {Fill::kInvalidated, "invalidated"}};

bool known_to_linux(Algorithm algorithm) {
  return algorithm <= Algorithm::kSm3_256;
}

std::string tpm_alg_name(Algorithm algorithm) {
  char name[24];
  std::snprintf(name, sizeof name, "tpm_alg_%x", unsigned{info(algorithm).tpm_alg});
  return name;
}

}  // namespace

std::string Bank::name() const {
  return known_to_linux(algorithm) ? std::string(info(algorithm).name) : tpm_alg_name(algorithm);
}

Bank bank_of(Algorithm algorithm) {
  return {.algorithm = algorithm, .fill = known_to_linux(algorithm) ? Fill::kOwnHash : Fill::kPaddedSha1Short};
}

std::string Bank::spec() const {
  if (*this == bank_of(algorithm)) return name();
  return name() + ":" + std::string(fill_name(fill));
}

std::string_view fill_name(Fill fill) {
  return kFillNames[static_cast<std::size_t>(fill)].name;
}

Result<Fill> parse_fill(std::string_view name) {
  for (const FillName& known : kFillNames) {
    if (name == known.name) return known.fill;
  }
  return fail(ErrorCode::kUsage, "no kernel extends a bank as '" + std::string(name) +
                                     "'; use native, padded, padded-short or invalidated");
}

Result<Bank> with_fill(Bank bank, Fill fill) {
  if (fill > Fill::kInvalidated) return fail(ErrorCode::kUsage, "no such way to extend a bank");
  const bool padded = fill == Fill::kPaddedSha1 || fill == Fill::kPaddedSha1Short;
  // The padded fills use sha1, so sha1 itself cannot be padded.
  const bool possible = known_to_linux(bank.algorithm) ? !padded || bank.algorithm != Algorithm::kSha1
                                                       : fill == Fill::kPaddedSha1Short || fill == Fill::kInvalidated;
  if (!possible) {
    return fail(ErrorCode::kUsage, "no kernel extends " + bank.name() + " as '" + std::string(fill_name(fill)) + "'");
  }
  bank.fill = fill;
  return bank;
}

Result<Bank> parse_bank(std::string_view name) {
  if (const std::size_t colon = name.find(':'); colon != std::string_view::npos) {
    IMAKEEP_TRY(const auto& bank, parse_bank(name.substr(0, colon)));
    const auto fill = parse_fill(name.substr(colon + 1));
    return fill ? with_fill(bank, *fill) : unexpected(fill.error());
  }
  if (const auto algorithm = algorithm_from_name(name); algorithm && known_to_linux(*algorithm)) {
    return bank_of(*algorithm);
  }
  for (std::size_t i = 0; i < kAlgorithmCount; ++i) {
    const auto algorithm = static_cast<Algorithm>(i);
    if (!known_to_linux(algorithm) && name == tpm_alg_name(algorithm)) return bank_of(algorithm);
  }
  return fail(ErrorCode::kUsage, "no such bank: '" + std::string(name) +
                                     "'; use sha1, sha256, sha384, sha512, sm3, tpm_alg_27, tpm_alg_28 or tpm_alg_29");
}

std::optional<Bank> bank_from_tpm_alg(std::uint16_t tpm_alg) {
  const auto algorithm = algorithm_from_tpm_alg(tpm_alg);
  return algorithm ? std::optional(bank_of(*algorithm)) : std::nullopt;
}

Result<std::vector<Bank>> parse_banks(std::string_view names) {
  std::vector<Bank> banks;
  for (const std::string_view part : split(names, ",")) {
    IMAKEEP_TRY(const auto& bank, parse_bank(part));
    if (std::find(banks.begin(), banks.end(), bank) != banks.end()) {
      return fail(ErrorCode::kUsage, "bank named twice: '" + std::string(part) + "'");
    }
    banks.push_back(bank);
  }
  return banks;
}

const Bank* find_bank(const std::vector<Bank>& banks, Algorithm algorithm) {
  const auto found = std::ranges::find(banks, algorithm, &Bank::algorithm);
  return found == banks.end() ? nullptr : &*found;
}

std::vector<Bank> with_fills_of(std::vector<Bank> banks, const std::vector<Bank>& others) {
  for (Bank& bank : banks) {
    if (const Bank* const other = find_bank(others, bank.algorithm)) bank = *other;
  }
  return banks;
}

std::string bank_names(const std::vector<Bank>& banks) {
  std::string names;
  for (const Bank& bank : banks) names += (names.empty() ? "" : ",") + bank.spec();
  return names;
}

}  // namespace imakeep::digest
