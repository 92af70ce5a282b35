// SPDX-License-Identifier: Apache-2.0
#include "attest/verified_chain.h"

#include <algorithm>

#include "attest/pcr_bytes.h"

namespace imakeep::attest {
namespace {

constexpr std::string_view kSavedMagic = "imkvchn1";
constexpr const char* kSavedChain = "the saved state of a chain";

tl::unexpected<Error> damaged_chain(const std::string& what) {
  return fail(ErrorCode::kMalformed, std::string(kSavedChain) + " is damaged: " + what);
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
  append_pcrs(saved, chain.pcrs);
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
  IMAKEEP_TRY(chain.pcrs, take_pcrs(reader, kSavedChain));
  const auto& banks = chain.pcrs.banks();
  for (const digest::Bank& bank : banks) {
    if (std::ranges::count(banks, bank.algorithm, &digest::Bank::algorithm) > 1) {
      return damaged_chain("it names a bank twice");
    }
  }
  if (!reader.at_end()) return damaged_chain("bytes follow its end");
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
