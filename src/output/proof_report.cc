// SPDX-License-Identifier: Apache-2.0
#include "output/proof_report.h"

#include <algorithm>

#include <nlohmann/json.hpp>

#include "imalog/extend_rule.h"

namespace imakeep::output {
namespace {

bool says_nothing(const digest::Bank& bank) {
  return imalog::strength_of(bank) == imalog::Strength::kNone;
}

// Whether the kernel invalidated one of the PCR's banks that were given or quoted.
bool invalidated(const attest::LogCheck& check, std::uint32_t pcr) {
  return std::ranges::any_of(check.quote_matched_as, says_nothing) ||
         std::ranges::any_of(check.values, [&](const attest::ValueMatch& match) {
           return match.value.pcr == pcr && match.use == attest::ValueUse::kInvalidated;
         });
}

std::string pcr_line(const attest::PcrProof& proof, const attest::LogCheck& check) {
  std::string text = "PCR " + std::to_string(proof.pcr);
  text.resize(std::max<std::size_t>(text.size(), 9), ' ');
  text += ' ' + std::to_string(proof.proven) + " of " + std::to_string(proof.records) + " records proven, " +
          std::to_string(proof.after_match()) + " after the match";
  if (proof.unproven() > 0) text += ", " + std::to_string(proof.unproven()) + " unproven";
  if (proof.banks.empty()) {
    text += invalidated(check, proof.pcr) ? ": the kernel invalidated the banks that were given or quoted"
                                          : ": no value of this PCR was given or quoted";
  }
  if (proof.weak) text += "; proven by sha1 alone, which is weak";
  return text;
}

const char* word_of(attest::ValueUse use) {
  switch (use) {
    case attest::ValueUse::kCompared:
      return "compared";
    case attest::ValueUse::kQuoteDecides:
      return "quote decides";
    case attest::ValueUse::kCompletesQuote:
      return "completes quote";
    case attest::ValueUse::kNotInLog:
      return "not in the log";
    case attest::ValueUse::kInvalidated:
      return "invalidated";
  }
  return "";
}

}  // namespace

std::string found_text(const std::optional<std::uint64_t>& found_at) {
  return found_at ? "matches after record " + std::to_string(*found_at) : "matches no prefix of the log";
}

std::string match_text(const attest::ValueMatch& match) {
  if (match.use == attest::ValueUse::kCompletesQuote) return "taken as given for the quote";
  if (match.use == attest::ValueUse::kNotInLog) return "not in the log: no record names it";
  std::string fill = imalog::fill_text(match.matched_as, match.either_padding);
  if (match.use == attest::ValueUse::kInvalidated) return fill;
  return found_text(match.found_at) + (fill.empty() || !match.found_at ? "" : ": " + fill);
}

std::string quote_fill_text(const attest::LogCheck& check) {
  std::string text;
  for (const digest::Bank& bank : check.quote_matched_as) {
    const std::string fill = imalog::fill_text(bank);
    if (!fill.empty() && bank != digest::bank_of(bank.algorithm)) text += "; " + bank.name() + ": " + fill;
  }
  return text;
}

std::string diagnosis_name(attest::Diagnosis diagnosis) {
  switch (diagnosis) {
    case attest::Diagnosis::kNone:
      return "";
    case attest::Diagnosis::kMeasuredWithoutTpm:
      return "measured without TPM";
    case attest::Diagnosis::kStartMayNotBeZero:
      return "start may not be zero";
  }
  return "";
}

std::vector<std::string> pcr_lines(const attest::LogCheck& check) {
  std::vector<std::string> lines;
  const bool told_by_total = check.pcrs.size() == 1 && !check.pcrs[0].weak && check.pcrs[0].unproven() == 0;
  if (told_by_total) return lines;
  for (const attest::PcrProof& proof : check.pcrs) lines.push_back(pcr_line(proof, check));
  return lines;
}

std::string boot_aggregate_line(const attest::LogCheck& check) {
  if (const auto& aggregate = check.boot_aggregate) {
    return std::string("boot_aggregate ") + (aggregate->matches ? "matches" : "does not match") + " PCRs 0 to " +
           std::to_string(aggregate->pcrs - 1) + " of " + std::string(digest::info(aggregate->algorithm).name);
  }
  const bool any_given = std::ranges::any_of(check.values, [](const attest::ValueMatch& match) {
    return match.value.pcr < attest::aggregated_pcrs(match.value.bank.algorithm);
  });
  if (!check.stated_aggregate || !any_given) return {};
  const digest::Algorithm algorithm = check.stated_aggregate->algorithm;
  const std::string name(digest::info(algorithm).name);
  return "boot_aggregate not checked: its hash is " + name + ", so it requires the values of PCRs 0 to " +
         std::to_string(attest::aggregated_pcrs(algorithm) - 1) + " of " + name;
}

std::string range_line(const UnprovenRange& range) {
  return "records [" + std::to_string(range.begin) + ", " + std::to_string(range.end) + ") not proven: " + range.why;
}

std::string total_line(const attest::LogCheck& check) {
  std::string text = std::to_string(check.proven.value_or(0)) + " of " + std::to_string(check.records) +
                     " records proven, " + std::to_string(check.after_match) + " after the match";
  if (check.unproven > 0) text += ", " + std::to_string(check.unproven) + " unproven";
  return text;
}

nlohmann::json value_json(const attest::ValueMatch& match) {
  return {{"bank", match.value.bank.name()},
          {"pcr", match.value.pcr},
          {"use", word_of(match.use)},
          {"given_for_quote", match.use == attest::ValueUse::kCompletesQuote},
          {"extended_as", match.found_at || match.use == attest::ValueUse::kInvalidated
                              ? nlohmann::json(digest::fill_name(match.matched_as.fill))
                              : nlohmann::json(nullptr)},
          {"in_log", match.use == attest::ValueUse::kCompared || match.use == attest::ValueUse::kQuoteDecides},
          {"records", match.found_at ? nlohmann::json(*match.found_at) : nlohmann::json(nullptr)}};
}

nlohmann::json proof_json(const attest::PcrProof& proof) {
  nlohmann::json banks = nlohmann::json::array();
  for (const digest::Bank& bank : proof.banks) banks.push_back(bank.name());
  return {{"pcr", proof.pcr},
          {"records", proof.records},
          {"proven", proof.proven},
          {"after_match", proof.after_match()},
          {"behind", proof.after_match()},  // the former name
          {"unproven", proof.unproven()},
          {"matched", proof.matched},
          {"weak", proof.weak},
          {"banks", banks}};
}

nlohmann::json range_json(const UnprovenRange& range) {
  return {{"begin", range.begin}, {"end", range.end}, {"why", range.why}};
}

nlohmann::json boot_aggregate_json(const attest::LogCheck& check) {
  if (!check.boot_aggregate) return nullptr;
  return {{"bank", digest::info(check.boot_aggregate->algorithm).name},
          {"pcrs", check.boot_aggregate->pcrs},
          {"matches", check.boot_aggregate->matches}};
}

}  // namespace imakeep::output
