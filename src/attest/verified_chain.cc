// SPDX-License-Identifier: Apache-2.0
#include "attest/verified_chain.h"

#include <algorithm>
#include <bit>

#include "base/byte_reader.h"

namespace imakeep::attest {
namespace {

constexpr std::string_view kSavedMagic = "imkvchn1";
constexpr const char* kSavedChain = "the saved state of a chain";
constexpr std::uint32_t kAllPcrs = (std::uint32_t{1} << digest::kPcrCount) - 1;

tl::unexpected<Error> damaged_chain(const std::string& what) {
  return fail(ErrorCode::kMalformed, std::string(kSavedChain) + " is damaged: " + what);
}

Result<digest::Bank> take_bank(ByteReader& reader) {
  IMAKEEP_TRY(const auto algorithm, reader.number<std::uint16_t>());
  IMAKEEP_TRY(const auto fill, reader.number<std::uint8_t>());
  const auto bank = digest::bank_from_tpm_alg(algorithm);
  if (!bank || fill > static_cast<std::uint8_t>(digest::Fill::kInvalidated)) {
    return damaged_chain("it names an unknown bank");
  }
  return digest::Bank{.algorithm = bank->algorithm, .fill = static_cast<digest::Fill>(fill)};
}

}  // namespace

Bytes save(const VerifiedChain& chain) {
  const ByteView magic = as_bytes(kSavedMagic);
  Bytes saved(magic.begin(), magic.end());
  append_int(saved, chain.chain, ByteOrder::kLittle);
  append_int(saved, chain.proven, ByteOrder::kLittle);
  append_int(saved, chain.clock_ms, ByteOrder::kLittle);
  append_int(saved, chain.reset_count, ByteOrder::kLittle);
  append_int(saved, chain.restart_count, ByteOrder::kLittle);
  const std::uint32_t pcrs = chain.pcrs.touched_pcrs();
  append_int(saved, pcrs, ByteOrder::kLittle);
  const auto& banks = chain.pcrs.banks();
  append_int(saved, static_cast<std::uint8_t>(banks.size()), ByteOrder::kLittle);
  for (std::size_t i = 0; i < banks.size(); ++i) {
    append_int(saved, digest::info(banks[i].algorithm).tpm_alg, ByteOrder::kLittle);
    append_int(saved, static_cast<std::uint8_t>(banks[i].fill), ByteOrder::kLittle);
    for (std::uint32_t pcr = 0; pcr < digest::kPcrCount; ++pcr) {
      if (chain.pcrs.touched(pcr)) append_bytes(saved, chain.pcrs.value(i, pcr).view());
    }
  }
  return saved;
}

Result<VerifiedChain> load_verified_chain(ByteView saved) {
  ByteReader reader(saved, kSavedChain);
  IMAKEEP_TRY(const auto magic, reader.take(kSavedMagic.size()));
  if (as_text(magic) != kSavedMagic) return damaged_chain("it does not begin as one");
  VerifiedChain chain;
  IMAKEEP_TRY(chain.chain, reader.number<std::uint64_t>());
  IMAKEEP_TRY(chain.proven, reader.number<std::uint64_t>());
  IMAKEEP_TRY(chain.clock_ms, reader.number<std::uint64_t>());
  IMAKEEP_TRY(chain.reset_count, reader.number<std::uint32_t>());
  IMAKEEP_TRY(chain.restart_count, reader.number<std::uint32_t>());
  IMAKEEP_TRY(const auto pcrs, reader.number<std::uint32_t>());
  if ((pcrs & ~kAllPcrs) != 0) return damaged_chain("it names a PCR that no TPM has");
  IMAKEEP_TRY(const auto bank_count, reader.number<std::uint8_t>());
  std::vector<digest::Bank> banks;
  std::vector<std::vector<digest::Digest>> values(bank_count);
  for (std::vector<digest::Digest>& of_bank : values) {
    IMAKEEP_TRY(const auto bank, take_bank(reader));
    if (digest::find_bank(banks, bank.algorithm) != nullptr) {
      return damaged_chain("it names a bank twice");
    }
    banks.push_back(bank);
    for (int i = 0; i < std::popcount(pcrs); ++i) {
      IMAKEEP_TRY(const auto value, reader.take(bank.digest_bytes()));
      of_bank.emplace_back(value);
    }
  }
  if (!reader.at_end()) return damaged_chain("bytes follow its end");
  if (banks.empty() && pcrs != 0) return damaged_chain("it has PCRs without a bank");
  if (banks.empty()) return chain;
  chain.pcrs = digest::PcrState(banks);
  for (std::size_t i = 0; i < banks.size(); ++i) {
    std::size_t next = 0;
    for (std::uint32_t pcr = 0; pcr < digest::kPcrCount; ++pcr) {
      if ((pcrs >> pcr & 1) != 0) chain.pcrs.set(i, pcr, values[i][next++]);
    }
  }
  return chain;
}

Result<bool> begins_chain(const VerifiedChain& last, const tpm::ClockInfo& quoted) {
  if (last.chain == 0 || quoted.reset_count > last.reset_count) return true;
  const auto older = [](const std::string& what, std::uint64_t now, std::uint64_t before) {
    return fail(ErrorCode::kMismatch, "the quote is older than the last accepted one: its " + what + " is " +
                                          std::to_string(now) + ", that of the last was " + std::to_string(before) +
                                          "; send a new quote. If the TPM was replaced, enrol the host again");
  };
  if (quoted.reset_count < last.reset_count) return older("count of resets", quoted.reset_count, last.reset_count);
  if (quoted.restart_count < last.restart_count) {
    return older("count of restarts", quoted.restart_count, last.restart_count);
  }
  if (quoted.clock_ms < last.clock_ms) return older("clock in ms", quoted.clock_ms, last.clock_ms);
  return false;
}

}  // namespace imakeep::attest
