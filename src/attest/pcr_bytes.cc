// SPDX-License-Identifier: Apache-2.0
#include "attest/pcr_bytes.h"

#include <algorithm>
#include <bit>

namespace imakeep::attest {
namespace {

constexpr std::uint32_t kAllPcrs = (std::uint32_t{1} << digest::kPcrCount) - 1;

tl::unexpected<Error> damaged_pcrs(const std::string& what, const std::string& problem) {
  return fail(ErrorCode::kMalformed, what + " is damaged: " + problem);
}

Result<digest::Bank> take_bank(ByteReader& reader, const std::string& what) {
  IMAKEEP_TRY(const auto algorithm, reader.number<std::uint16_t>());
  IMAKEEP_TRY(const auto fill, reader.number<std::uint8_t>());
  const auto bank = digest::bank_from_tpm_alg(algorithm);
  if (!bank || fill > static_cast<std::uint8_t>(digest::Fill::kInvalidated)) {
    return damaged_pcrs(what, "it names an unknown bank");
  }
  return digest::Bank{.algorithm = bank->algorithm, .fill = static_cast<digest::Fill>(fill)};
}

}  // namespace

void append_pcrs(Bytes& out, const digest::PcrState& pcrs) {
  append_int(out, pcrs.touched_pcrs(), ByteOrder::kLittle);
  const auto& banks = pcrs.banks();
  append_int(out, static_cast<std::uint8_t>(banks.size()), ByteOrder::kLittle);
  for (std::size_t i = 0; i < banks.size(); ++i) {
    append_int(out, digest::info(banks[i].algorithm).tpm_alg, ByteOrder::kLittle);
    append_int(out, static_cast<std::uint8_t>(banks[i].fill), ByteOrder::kLittle);
    for (std::uint32_t pcr = 0; pcr < digest::kPcrCount; ++pcr) {
      if (pcrs.touched(pcr)) append_bytes(out, pcrs.value(i, pcr).view());
    }
  }
}

Result<digest::PcrState> take_pcrs(ByteReader& reader, const std::string& what) {
  IMAKEEP_TRY(const auto touched, reader.number<std::uint32_t>());
  if ((touched & ~kAllPcrs) != 0) return damaged_pcrs(what, "it names a PCR that no TPM has");
  IMAKEEP_TRY(const auto bank_count, reader.number<std::uint8_t>());
  std::vector<digest::Bank> banks;
  std::vector<std::vector<digest::Digest>> values(bank_count);
  for (std::vector<digest::Digest>& of_bank : values) {
    IMAKEEP_TRY(const auto bank, take_bank(reader, what));
    if (std::ranges::find(banks, bank) != banks.end()) return damaged_pcrs(what, "it names a bank twice");
    banks.push_back(bank);
    for (int i = 0; i < std::popcount(touched); ++i) {
      IMAKEEP_TRY(const auto value, reader.take(bank.digest_bytes()));
      of_bank.emplace_back(value);
    }
  }
  if (banks.empty() && touched != 0) return damaged_pcrs(what, "it has PCRs without a bank");
  if (banks.empty()) return digest::PcrState();
  digest::PcrState pcrs(banks);
  for (std::size_t i = 0; i < banks.size(); ++i) {
    std::size_t next = 0;
    for (std::uint32_t pcr = 0; pcr < digest::kPcrCount; ++pcr) {
      if ((touched >> pcr & 1) != 0) pcrs.set(i, pcr, values[i][next++]);
    }
  }
  return pcrs;
}

}  // namespace imakeep::attest
