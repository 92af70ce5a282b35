// SPDX-License-Identifier: Apache-2.0
#include "attest/expected.h"

#include <algorithm>

namespace imakeep::attest {
namespace {

using imalog::PcrComposite;
using imalog::PcrValue;

void add_bank(std::vector<digest::Bank>& banks, const digest::Bank& bank) {
  if (std::find(banks.begin(), banks.end(), bank) == banks.end()) banks.push_back(bank);
}

std::string name_of(const PcrComposite::Part& part) {
  return part.bank.name() + ":" + std::to_string(part.pcr);
}

}  // namespace

QuotedPcrs quoted_pcrs(const tpm::Quote& quote, const tpm::Signature& signature) {
  return {.selections = quote.selections, .hash = signature.hash, .digest = quote.pcr_digest};
}

std::vector<digest::Bank> replayed_banks(const Expected& expected) {
  std::vector<digest::Bank> banks;
  for (const PcrValue& value : expected.values) add_bank(banks, value.bank);
  if (expected.quote) {
    for (const tpm::PcrSelection& selection : expected.quote->selections) add_bank(banks, selection.bank);
  } else if (banks.empty()) {
    for (const char* const name : {"sha1", "sha256", "sha384", "sha512"}) banks.push_back(*digest::parse_bank(name));
  }
  return banks;
}

Result<imalog::PcrState> start_state(const std::vector<PcrValue>& values, const Expected& expected) {
  std::vector<digest::Bank> banks;
  for (const PcrValue& value : values) add_bank(banks, value.bank);
  if (expected.anything()) {
    for (const digest::Bank& bank : replayed_banks(expected)) {
      if (std::ranges::find(banks, bank) != banks.end()) continue;
      return fail(ErrorCode::kUsage, "the start has no value of bank " + bank.name() + ", which is compared");
    }
    banks = replayed_banks(expected);
  }
  imalog::PcrState state(banks);
  for (const PcrValue& value : values) {
    if (const auto bank = state.index_of(value.bank)) state.set(*bank, value.pcr, value.value);
  }
  return state;
}

imalog::PcrState with_banks(const imalog::PcrState& state, const std::vector<digest::Bank>& banks) {
  std::vector<digest::Bank> all = state.banks();
  for (const digest::Bank& bank : banks) add_bank(all, bank);
  imalog::PcrState more(all);
  for (std::size_t bank = 0; bank < all.size(); ++bank) {
    auto from = std::ranges::find(state.banks(), all[bank]);
    if (from == state.banks().end()) {
      from = std::ranges::find(state.banks(), all[bank].algorithm, &digest::Bank::algorithm);
    }
    if (from == state.banks().end()) continue;
    const auto index = static_cast<std::size_t>(from - state.banks().begin());
    for (std::uint32_t pcr = 0; pcr < imalog::kPcrCount; ++pcr) {
      if (state.touched(pcr)) more.set(bank, pcr, state.value(index, pcr));
    }
  }
  return more;
}

imalog::PcrComposite in_banks(const imalog::PcrComposite& composite, const std::vector<digest::Bank>& banks) {
  imalog::PcrComposite other = composite;
  for (imalog::PcrComposite::Part& part : other.parts) {
    if (part.given) continue;
    for (const digest::Bank& bank : banks) {
      if (bank.algorithm == part.bank.algorithm) part.bank = bank;
    }
  }
  return other;
}

bool selects(const QuotedPcrs& quote, const digest::Bank& bank, std::uint32_t pcr) {
  return std::ranges::any_of(quote.selections, [&](const tpm::PcrSelection& selection) {
    return selection.bank == bank && std::ranges::find(selection.pcrs, pcr) != selection.pcrs.end();
  });
}

std::vector<imalog::PcrValue> vouched_values(const Expected& expected) {
  if (!expected.quote) return expected.values;
  std::vector<imalog::PcrValue> values;
  for (const imalog::PcrValue& value : expected.values) {
    if (selects(*expected.quote, value.bank, value.pcr)) values.push_back(value);
  }
  return values;
}

std::optional<digest::Digest> value_given(const std::vector<PcrValue>& values, const digest::Bank& bank,
                                          std::uint32_t pcr) {
  for (const PcrValue& value : values) {
    if (value.bank == bank && value.pcr == pcr) return value.value;
  }
  return std::nullopt;
}

PcrComposite composite_of(const QuotedPcrs& quote, const std::vector<PcrValue>& values, PcrSet replayed) {
  PcrComposite composite{.hash = quote.hash, .parts = {}, .value = digest::Digest(ByteView(quote.digest))};
  for (const tpm::PcrSelection& selection : quote.selections) {
    for (const std::uint32_t pcr : selection.pcrs) {
      composite.parts.push_back({.bank = selection.bank, .pcr = pcr, .given = {}});
      if (!holds(replayed, pcr)) composite.parts.back().given = value_given(values, selection.bank, pcr);
    }
  }
  return composite;
}

Result<void> check_composite(const PcrComposite& composite, PcrSet replayed) {
  if (composite.value.size() != digest::digest_bytes(composite.hash)) {
    return fail(ErrorCode::kMismatch, "the quote's PCR digest of " + std::to_string(composite.value.size()) +
                                          " bytes does not have the size of the signature's hash, " +
                                          std::string(digest::info(composite.hash).name));
  }
  std::string missing;
  bool any_replayed = false;
  for (const PcrComposite::Part& part : composite.parts) {
    if (!digest::available(part.bank.algorithm)) {
      return fail(ErrorCode::kUnsupported, "the quote covers bank " + part.bank.name() +
                                               ", which this machine's OpenSSL cannot compute; quote other banks");
    }
    any_replayed = any_replayed || holds(replayed, part.pcr);
    if (!part.given && !holds(replayed, part.pcr)) missing += (missing.empty() ? "" : ", ") + name_of(part);
  }
  if (!any_replayed) {
    return fail(ErrorCode::kMismatch,
                "the quote covers no PCR that records of the log name, so it proves no record; quote PCR 10");
  }
  if (!missing.empty()) {
    return fail(ErrorCode::kUsage, "the quote also covers PCRs that no record of the log names: " + missing +
                                       "; give their values with --pcrs FILE (the quote's digest vouches for them)");
  }
  return {};
}

}  // namespace imakeep::attest
