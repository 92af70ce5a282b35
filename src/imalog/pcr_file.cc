// SPDX-License-Identifier: Apache-2.0
#include "imalog/pcr_file.h"

#include <algorithm>
#include <charconv>

#include "base/file.h"
#include "base/text.h"
#include "imalog/rtmr_file.h"

namespace imakeep::imalog {
namespace {

constexpr char kAccepted[] =
    "accepted are lines of ALG HEX or ALG INDEX HEX, what tpm2_pcrread prints, and lines of PCR-INDEX: HEX or PCR "
    "INDEX: HEX";

std::vector<std::string_view> words_of(std::string_view line) {
  std::vector<std::string_view> words = split(line, " \t\r");
  std::erase(words, "");
  return words;
}

Result<std::uint32_t> parse_index(std::string_view text) {
  std::uint32_t index = 0;
  const auto end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, index);
  if (error != std::errc{} || stop != end || index >= kPcrCount) {
    return fail(ErrorCode::kMalformed, "no PCR has index '" + std::string(text) + "' (0 to 23)");
  }
  return index;
}

Result<Bytes> parse_hex(std::string_view text) {
  if (text.starts_with("0x") || text.starts_with("0X")) text.remove_prefix(2);
  auto value = from_hex(text);
  if (!value) return fail(ErrorCode::kMalformed, "PCR value is not hexadecimal");
  return value;
}

Result<PcrValue> value_in(const digest::Bank& bank, std::uint32_t pcr, std::string_view hex) {
  IMAKEEP_TRY(const auto& value, parse_hex(hex));
  if (value.size() != bank.digest_bytes()) {
    return fail(ErrorCode::kMalformed, "PCR value of " + std::to_string(value.size()) + " bytes; " + bank.name() +
                                           " has " + std::to_string(bank.digest_bytes()));
  }
  return PcrValue{.bank = bank, .pcr = pcr, .value = digest::Digest(ByteView(value))};
}

// Parses ALG HEX, or ALG INDEX HEX.
Result<PcrValue> parse_words(std::string_view line, std::uint32_t ima_pcr) {
  const std::vector<std::string_view> words = words_of(line);
  if (words.size() != 2 && words.size() != 3) {
    return fail(ErrorCode::kMalformed, std::string("not a PCR; ") + kAccepted);
  }
  IMAKEEP_TRY(const auto& bank, digest::parse_bank(words[0]));
  IMAKEEP_TRY(const auto& pcr, words.size() == 3 ? parse_index(words[1]) : Result<std::uint32_t>(ima_pcr));
  return value_in(bank, pcr, words.back());
}

// tpm2-tools write "sha3_256"; Linux writes "tpm_alg_27".
Result<digest::Bank> parse_heading(std::string_view name) {
  std::string dashed(name);
  std::replace(dashed.begin(), dashed.end(), '_', '-');
  if (const auto algorithm = digest::algorithm_from_name(dashed)) return digest::bank_of(*algorithm);
  return digest::parse_bank(name);
}

// The bank of a PCR value whose line names no bank.
Result<digest::Bank> bank_of_size(std::size_t digest_bytes) {
  for (const char* const name : {"sha1", "sha256", "sha384", "sha512"}) {
    const digest::Bank bank = *digest::parse_bank(name);
    if (bank.digest_bytes() == digest_bytes) return bank;
  }
  return fail(ErrorCode::kMalformed,
              "PCR value of " + std::to_string(digest_bytes) + " bytes; banks have 20, 32, 48 or 64");
}

// The index in "PCR-10", evmctl's form, or in "PCR 10".
std::optional<std::string_view> index_in(std::string_view word) {
  if (word.size() < 4 || !word.starts_with("PCR") || std::string_view("- \t").find(word[3]) == std::string_view::npos) {
    return std::nullopt;
  }
  return trimmed(word.substr(4));
}

// Parses a PCR's index and its value in hexadecimal, with or without blanks between the bytes.
Result<PcrValue> parse_without_bank(std::string_view index, std::string_view bytes) {
  IMAKEEP_TRY(const auto& pcr, parse_index(index));
  std::string hex;
  for (const std::string_view word : words_of(bytes)) hex += word;
  IMAKEEP_TRY(const auto& value, parse_hex(hex));
  IMAKEEP_TRY(const auto& bank, bank_of_size(value.size()));
  return PcrValue{.bank = bank, .pcr = pcr, .value = digest::Digest(ByteView(value))};
}

class Parser {
 public:
  explicit Parser(std::uint32_t ima_pcr) : ima_pcr_(ima_pcr) {}

  // Returns no value for a heading.
  Result<std::optional<PcrValue>> parse(std::string_view line) {
    bank_guessed_ = false;
    const std::size_t colon = line.find(':');
    // A bank may be named "sha384:padded".
    if (colon == std::string_view::npos || line.substr(colon).starts_with(":padded"))
      return parse_words(line, ima_pcr_);
    const std::string_view before = trimmed(line.substr(0, colon));
    const std::string_view after = trimmed(line.substr(colon + 1));
    if (const auto index = index_in(before)) {
      bank_guessed_ = true;
      return parse_without_bank(*index, after);
    }
    if (after.empty()) return parse_bank_heading(before);
    if (!before.empty() && before.find_first_not_of("0123456789") == std::string_view::npos) {
      return parse_below_heading(before, after);
    }
    return fail(ErrorCode::kMalformed, std::string("not a PCR; ") + kAccepted);
  }
  // True if the last parsed line named no bank.
  bool bank_guessed() const { return bank_guessed_; }

 private:
  Result<std::optional<PcrValue>> parse_bank_heading(std::string_view name) {
    IMAKEEP_TRY(const auto& bank, parse_heading(name));
    heading_ = bank;
    return std::nullopt;
  }

  Result<std::optional<PcrValue>> parse_below_heading(std::string_view index, std::string_view hex) {
    if (!heading_) {
      return fail(ErrorCode::kMalformed, "PCR without a bank; a heading such as 'sha256:' must come before it");
    }
    IMAKEEP_TRY(const auto& pcr, parse_index(index));
    return value_in(*heading_, pcr, hex);
  }

  const std::uint32_t ima_pcr_;
  std::optional<digest::Bank> heading_;
  bool bank_guessed_ = false;
};

constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";

// A named bank with digests of the same size, which a line without a bank may mean.
std::optional<digest::Bank> rival_of(const digest::Bank& guessed, const std::vector<PcrValue>& named) {
  for (const PcrValue& value : named) {
    if (value.bank != guessed && value.bank.digest_bytes() == guessed.digest_bytes()) return value.bank;
  }
  return std::nullopt;
}

bool named_before(const std::vector<PcrValue>& values, const PcrValue& value) {
  return std::any_of(values.begin(), values.end(),
                     [&](const PcrValue& v) { return v.bank == value.bank && v.pcr == value.pcr; });
}

}  // namespace

Result<std::vector<PcrValue>> parse_pcr_file(std::string_view text, std::uint32_t ima_pcr) {
  if (text.find('\0') != std::string_view::npos) {
    return fail(ErrorCode::kMalformed, std::string("binary, not text; ") + kAccepted);
  }
  if (text.starts_with(kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());
  const std::vector<std::string_view> lines = split(text, "\n");
  std::vector<PcrValue> values;
  std::vector<PcrValue> named_banks;                          // those of `values` whose line or heading names a bank
  std::vector<std::pair<std::size_t, digest::Bank>> guessed;  // the others: line number, starting at 1, and bank
  Parser parser(ima_pcr);
  for (std::size_t i = 0; i < lines.size(); ++i) {
    const std::string_view line = trimmed(lines[i]);
    if (line.empty() || line.front() == '#') continue;
    auto value = parser.parse(line);
    if (value && *value && named_before(values, **value)) value = fail(ErrorCode::kMalformed, "PCR named twice");
    if (!value) return unexpected(named(std::move(value).error(), "line " + std::to_string(i + 1)));
    if (!*value) continue;
    values.push_back(**value);
    if (parser.bank_guessed()) {
      guessed.emplace_back(i + 1, (*value)->bank);
    } else {
      named_banks.push_back(**value);
    }
  }
  for (const auto& [line, bank] : guessed) {
    if (const auto rival = rival_of(bank, named_banks)) {
      return fail(ErrorCode::kMalformed, "line " + std::to_string(line) + ": names no bank, and its size is that of " +
                                             bank.name() + " and of " + rival->name() + "; write ALG INDEX HEX");
    }
  }
  if (values.empty()) return fail(ErrorCode::kMalformed, std::string("no PCR values in it; ") + kAccepted);
  return values;
}

Result<std::vector<PcrValue>> read_pcr_file(const std::string& path, std::uint32_t ima_pcr) {
  if (names_rtmrs(path)) return read_rtmrs(path);
  IMAKEEP_TRY(const auto& text, read_file(path, {.most_bytes = kMostTextBytes}));
  auto values = parse_pcr_file(as_text(text), ima_pcr);
  if (!values) return unexpected(named(std::move(values).error(), path));
  return values;
}

std::string format_pcrs(const PcrState& state) {
  std::string text;
  for (std::size_t bank = 0; bank < state.banks().size(); ++bank) {
    for (std::uint32_t pcr = 0; pcr < kPcrCount; ++pcr) {
      if (!state.touched(pcr)) continue;
      text += state.banks()[bank].name() + " " + std::to_string(pcr) + " ";
      append_hex(text, state.value(bank, pcr).view());
      text += '\n';
    }
  }
  return text;
}

}  // namespace imakeep::imalog
