// SPDX-License-Identifier: Apache-2.0
#include "logproof/evidence.h"

#include <algorithm>
#include <filesystem>

#include "attest/quote_check.h"
#include "attest/quote_file.h"
#include "base/file.h"
#include "imalog/pcr_file.h"
#include "imalog/rtmr_file.h"
#include "pcrs/pcr_source.h"

namespace imakeep::logproof {
namespace {

// Reads the file and parses it with `parse`. Errors name the file.
template <class Parse>
auto read_as(const std::string& file, Parse parse) -> decltype(parse(ByteView())) {
  IMAKEEP_TRY(const auto& bytes, read_file(file, {.most_bytes = kMostTextBytes}));
  auto parsed = parse(ByteView(bytes));
  if (!parsed) return unexpected(named(parsed.error(), file));
  return parsed;
}

Result<std::optional<Bytes>> parse_nonce(const std::optional<std::string>& text) {
  if (!text) return std::nullopt;
  std::string_view hex = *text;
  if (hex.starts_with("0x") || hex.starts_with("0X")) hex.remove_prefix(2);
  auto nonce = from_hex(hex);
  if (!nonce) return fail(ErrorCode::kUsage, "--nonce: " + describe(nonce.error()));
  return std::optional<Bytes>(std::move(*nonce));
}

Result<std::optional<digest::Algorithm>> parse_hash(const std::optional<std::string>& name) {
  if (!name) return std::nullopt;
  const auto bank = digest::parse_bank(*name);
  if (!bank) return fail(ErrorCode::kUsage, "--hash: no such hash: '" + *name + "'; use sha256, sha384 or sha512");
  return std::optional(bank->algorithm);
}

// Returns the signature of the quote, from its own file or from the quote's file.
Result<std::vector<attest::Candidate>> read_candidates(const ProofOptions& options, const attest::QuoteFile& quote,
                                                       const std::vector<attest::VerificationKey>& keys) {
  IMAKEEP_TRY(const auto& told, parse_hash(options.hash));
  const auto parse = [&](ByteView signature) {
    return attest::parse_candidates(signature, keys, told ? told : quote.plain_hash);
  };
  if (quote.signature && options.signature) {
    return fail(ErrorCode::kUsage, *options.quote + " contains its signature; leave out --signature");
  }
  if (!quote.signature && !options.signature) return fail(ErrorCode::kUsage, "--quote requires --signature FILE");
  if (options.signature) return read_as(*options.signature, parse);
  auto candidates = parse(*quote.signature);
  if (!candidates) return unexpected(named(candidates.error(), *options.quote + ", its signature"));
  return candidates;
}

Result<GoodQuote> read_quote(const ProofOptions& options) {
  IMAKEEP_TRY(const auto& nonce, parse_nonce(options.nonce));
  IMAKEEP_TRY(const auto& file, read_as(*options.quote, attest::parse_quote_file));
  auto quote = tpm::parse_quote(file.statement);
  if (!quote) return unexpected(named(quote.error(), *options.quote));
  IMAKEEP_TRY(const auto& keys, read_as(*options.key, attest::VerificationKey::parse));
  IMAKEEP_TRY(const auto& candidates, read_candidates(options, file, keys));
  auto good = attest::check_quote(*quote, candidates, nonce);
  if (!good) return unexpected(named(good.error(), *options.quote));
  return GoodQuote{.quote = std::move(*quote),
                   .signature = std::move(good->signature),
                   .key = good->key.name(),
                   .nonce_checked = nonce.has_value()};
}

struct TpmValues {
  std::vector<imalog::PcrValue> values;
  std::vector<UnreadPcr> unread;
};

// Reads every PCR in every bank once. Fails if IMA's PCR cannot be read. Other unreadable PCRs are reported later, if
// records name them.
Result<TpmValues> read_every_pcr(tpm::PcrBanks& banks) {
  TpmValues all;
  for (std::uint32_t i = 0; i < imalog::kPcrCount; ++i) {
    const std::uint32_t pcr = (imalog::kImaPcr + i) % imalog::kPcrCount;
    const auto read = banks.read(pcr);
    if (!read && pcr == imalog::kImaPcr) return unexpected(read.error());
    if (!read) all.unread.push_back({.pcr = pcr, .error = read.error()});
    for (std::size_t bank = 0; read && bank < read->size(); ++bank) {
      const digest::Bank& of = banks.banks()[bank];
      if (digest::available(of.algorithm)) all.values.push_back({.bank = of, .pcr = pcr, .value = (*read)[bank]});
    }
  }
  return all;
}

bool same_values(const std::vector<imalog::PcrValue>& a, const std::vector<imalog::PcrValue>& b) {
  return std::ranges::equal(a, b, [](const imalog::PcrValue& left, const imalog::PcrValue& right) {
    return left.bank == right.bank && left.pcr == right.pcr && left.value == right.value;
  });
}

// Reads every PCR in every bank, because it is not known yet which PCRs the log's records name. The PCRs are read
// before the log, so that each value matches a prefix of the log. An extend never restores an earlier value. So if two
// consecutive reads are equal, all values hold for one moment between the two reads. If the host measures all the time,
// the last read is used; then check_log() may find values of different moments.
Result<TpmValues> read_tpm(const std::string& spec) {
  constexpr int kMostReads = 5;
  std::error_code ignored;
  if (std::filesystem::is_regular_file(spec, ignored)) {
    return fail(ErrorCode::kUsage, "--tpm took " + spec + " for a TPM; write the lists before --tpm");
  }
  IMAKEEP_TRY(const auto& banks, pcrs::open_pcr_banks(spec));
  auto values = read_every_pcr(*banks);
  for (int reads = 1; values && reads < kMostReads; ++reads) {
    auto again = read_every_pcr(*banks);
    if (!again) return again;
    const bool settled = same_values(values->values, again->values);
    values = std::move(again);
    if (settled) break;
  }
  if (values && values->values.empty()) {
    return fail(ErrorCode::kEnvironment,
                "cannot compare any bank of the TPM: this machine's OpenSSL has none of their hashes");
  }
  return values;
}

}  // namespace

Result<Evidence> read_evidence(const ProofOptions& options) {
  Evidence evidence;
  if (options.pcrs) {
    IMAKEEP_TRY(auto values, imalog::read_pcr_file(*options.pcrs));
    evidence.expected.values = std::move(values);
    evidence.rtmrs = imalog::names_rtmrs(*options.pcrs);
    evidence.every_pcr = evidence.rtmrs;
  }
  if (options.with_tpm) {
    evidence.every_pcr = true;
    IMAKEEP_TRY(auto read, read_tpm(options.tpm));
    evidence.expected.values = std::move(read.values);
    evidence.unread = std::move(read.unread);
  }
  if (options.quote) {
    IMAKEEP_TRY(auto quote, read_quote(options));
    evidence.expected.quote = attest::quoted_pcrs(quote.quote, quote.signature);
    evidence.quote = std::move(quote);
  }
  return evidence;
}

// Returns the PCR state before the first record that is read, as --start gives it.
Result<std::optional<imalog::PcrState>> read_start(const ProofOptions& options, Evidence& evidence) {
  if (!options.start) return std::nullopt;
  IMAKEEP_TRY(const auto& values, imalog::read_pcr_file(*options.start));
  if (options.with_tpm) {
    std::erase_if(evidence.expected.values, [&](const imalog::PcrValue& read) {
      return std::ranges::none_of(values, [&](const imalog::PcrValue& value) { return value.bank == read.bank; });
    });
    if (evidence.expected.values.empty()) {
      return fail(ErrorCode::kUsage, *options.start + ": no value is of a bank of the TPM");
    }
  }
  auto state = attest::start_state(values, evidence.expected);
  if (!state) return unexpected(named(state.error(), *options.start));
  return std::optional<imalog::PcrState>(std::move(*state));
}

}  // namespace imakeep::logproof
