#include "imalog/pcr_file.h"

#include <algorithm>
#include <charconv>

#include <boost/algorithm/string/classification.hpp>
#include <boost/algorithm/string/split.hpp>
#include <boost/algorithm/string/trim.hpp>

#include "base/file.h"

namespace imakeep::imalog {
namespace {

std::vector<std::string> words_of(const std::string& line) {
  std::vector<std::string> words;
  boost::algorithm::split(words, line, boost::algorithm::is_any_of(" \t\r"), boost::algorithm::token_compress_on);
  return words;
}

Result<PcrValue> parse_line(const std::string& line, std::uint32_t ima_pcr) {
  const std::vector<std::string> words = words_of(line);
  if (words.size() != 2 && words.size() != 3) {
    return fail(ErrorCode::kMalformed, "not a PCR; expected ALG HEX or ALG INDEX HEX");
  }
  const auto bank = digest::parse_bank(words[0]);
  if (!bank) return unexpected(bank.error());
  PcrValue parsed{.bank = *bank, .pcr = ima_pcr, .value = {}};
  if (words.size() == 3) {
    const auto end = words[1].data() + words[1].size();
    const auto [stop, error] = std::from_chars(words[1].data(), end, parsed.pcr);
    if (error != std::errc{} || stop != end || parsed.pcr >= kPcrCount) {
      return fail(ErrorCode::kMalformed, "no PCR has index '" + words[1] + "' (0 to 23)");
    }
  }
  const auto value = from_hex(words.back());
  if (!value) return fail(ErrorCode::kMalformed, "PCR value is not hexadecimal");
  if (value->size() != bank->digest_bytes()) {
    return fail(ErrorCode::kMalformed, "PCR value of " + std::to_string(value->size()) + " bytes; " + bank->name() +
                                           " has " + std::to_string(bank->digest_bytes()));
  }
  parsed.value = digest::Digest(*value);
  return parsed;
}

}  // namespace

Result<std::vector<PcrValue>> parse_pcr_file(std::string_view text, std::uint32_t ima_pcr) {
  std::vector<std::string> lines;
  boost::algorithm::split(lines, text, [](char c) { return c == '\n'; });
  std::vector<PcrValue> values;
  for (std::size_t i = 0; i < lines.size(); ++i) {
    boost::algorithm::trim(lines[i]);
    if (lines[i].empty() || lines[i].front() == '#') continue;
    const auto named_before = [&](const PcrValue& v) {
      return std::any_of(values.begin(), values.end(),
                         [&](const PcrValue& o) { return o.bank == v.bank && o.pcr == v.pcr; });
    };
    auto value = parse_line(lines[i], ima_pcr);
    if (value && named_before(*value)) value = fail(ErrorCode::kMalformed, "PCR named twice");
    if (!value) {
      Error error = std::move(value).error();
      error.message = "line " + std::to_string(i + 1) + ": " + error.message;
      return unexpected(std::move(error));
    }
    values.push_back(*value);
  }
  if (values.empty())
    return fail(ErrorCode::kMalformed, "no PCR values in it; expected lines of ALG HEX or ALG INDEX HEX");
  return values;
}

Result<std::vector<PcrValue>> read_pcr_file(const std::string& path, std::uint32_t ima_pcr) {
  const auto text = read_file(path);
  if (!text) return unexpected(text.error());
  auto values = parse_pcr_file(as_text(*text), ima_pcr);
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
