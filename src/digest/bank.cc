#include "digest/bank.h"

#include <algorithm>
#include <cstdio>

#include <boost/algorithm/string/split.hpp>

namespace imakeep::digest {
namespace {

constexpr std::string_view kPadded = ":padded";

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
  return {.algorithm = algorithm, .padded_sha1 = !known_to_linux(algorithm)};
}

std::string Bank::spec() const {
  return *this == bank_of(algorithm) ? name() : name() + std::string(kPadded);
}

Result<Bank> parse_bank(std::string_view name) {
  if (name.size() > kPadded.size() && name.substr(name.size() - kPadded.size()) == kPadded) {
    const auto algorithm = algorithm_from_name(name.substr(0, name.size() - kPadded.size()));
    // sha1 is what the others are padded from.
    if (algorithm && known_to_linux(*algorithm) && *algorithm != Algorithm::kSha1) {
      return Bank{.algorithm = *algorithm, .padded_sha1 = true};
    }
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
  std::vector<std::string> parts;
  boost::algorithm::split(parts, names, [](char c) { return c == ','; });
  std::vector<Bank> banks;
  for (const std::string& part : parts) {
    const auto bank = parse_bank(part);
    if (!bank) return unexpected(bank.error());
    if (std::find(banks.begin(), banks.end(), *bank) != banks.end()) {
      return fail(ErrorCode::kUsage, "bank named twice: '" + part + "'");
    }
    banks.push_back(*bank);
  }
  return banks;
}

std::string bank_names(const std::vector<Bank>& banks) {
  std::string names;
  for (const Bank& bank : banks) names += (names.empty() ? "" : ",") + bank.spec();
  return names;
}

}  // namespace imakeep::digest
