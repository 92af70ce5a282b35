// SPDX-License-Identifier: Apache-2.0
#include "logproof/report.h"

#include <algorithm>

#include <nlohmann/json.hpp>

#include "imalog/pcr_file.h"
#include "imalog/rtmr_file.h"
#include "output/proof_report.h"

namespace imakeep::logproof {
namespace {

std::string selection_text(const tpm::Quote& quote) {
  std::string text;
  for (const tpm::PcrSelection& selection : quote.selections) {
    text += (text.empty() ? "" : "+") + selection.bank.name() + ":";
    for (std::size_t i = 0; i < selection.pcrs.size(); ++i) {
      text += (i == 0 ? "" : ",") + std::to_string(selection.pcrs[i]);
    }
  }
  return text;
}

std::string hex_of(std::uint64_t value) {
  Bytes bytes;
  append_int(bytes, value, ByteOrder::kBig);
  return to_hex(bytes);
}

std::string quote_text(const GoodQuote& good) {
  const tpm::ClockInfo& clock = good.quote.clock;
  return "signature good: " + std::string(tpm::name(good.signature.scheme)) + " over " +
         std::string(digest::info(good.signature.hash).name) +
         (good.key_named ? " by the key given, " : " by the bundle's own key, ") + good.key + "\nnonce     " +
         (good.from_bundle     ? "not checked: it was the verifier's"
          : good.nonce_checked ? "the one given"
                               : "not checked, because none was given: this may be an old quote") +
         "\nclock     " + std::to_string(clock.clock_ms) + " ms, " + std::to_string(clock.reset_count) + " resets, " +
         std::to_string(clock.restart_count) + " restarts" + (clock.safe ? "" : ", not safe") + "\nfirmware  " +
         hex_of(good.quote.firmware_version) + "\n";
}

std::string padded(std::string text, std::size_t columns) {
  text.resize(std::max(text.size(), columns), ' ');
  return text;
}

nlohmann::json json_of(const std::optional<std::uint64_t>& number) {
  return number ? nlohmann::json(*number) : nlohmann::json(nullptr);
}

nlohmann::json json_of(const GoodQuote& good, const attest::LogCheck& check) {
  nlohmann::json selection = nlohmann::json::array();
  for (const tpm::PcrSelection& selected : good.quote.selections) {
    selection.push_back({{"bank", selected.bank.name()}, {"pcrs", selected.pcrs}});
  }
  nlohmann::json extended_as = nlohmann::json::object();
  for (const digest::Bank& bank : check.quote_matched_as) extended_as[bank.name()] = digest::fill_name(bank.fill);
  const tpm::ClockInfo& clock = good.quote.clock;
  return {{"signature", "good"},
          {"scheme", tpm::name(good.signature.scheme)},
          {"hash", digest::info(good.signature.hash).name},
          {"key", good.key},
          {"signer", to_hex(good.quote.signer)},
          {"nonce", to_hex(good.quote.extra_data)},
          {"nonce_checked", good.nonce_checked},
          {"clock_ms", clock.clock_ms},
          {"reset_count", clock.reset_count},
          {"restart_count", clock.restart_count},
          {"safe", clock.safe},
          {"firmware_version", hex_of(good.quote.firmware_version)},
          {"selection", selection},
          {"extended_as", extended_as},
          {"records", json_of(check.quote_found_at)}};
}

const char* text_of(attest::Side side) {
  switch (side) {
    case attest::Side::kData:
      return "data";
    case attest::Side::kDigest:
      return "digest";
    case attest::Side::kUnknown:
      return "unknown";
  }
  return "";
}

nlohmann::json json_of(const attest::BadRecord& bad) {
  return {{"source", bad.place.source},   {"record", bad.place.record}, {"offset", json_of(bad.place.offset)},
          {"number", bad.number},         {"bank", bad.bank.name()},    {"pcrs_match", text_of(bad.side)},
          {"pcrs_fit", text_of(bad.side)}};  // the former name
}

}  // namespace

void place_in_chain(std::uint64_t first, const Evidence& evidence, attest::LogCheck& check) {
  if (check.quote_found_at) *check.quote_found_at += first;
  for (attest::ValueMatch& match : check.values) {
    if (match.found_at) *match.found_at += first;
  }
  if (check.bad_record) check.bad_record->number += first;
  if (!evidence.every_pcr) return;
  std::erase_if(check.values, [](const attest::ValueMatch& match) { return match.use == attest::ValueUse::kNotInLog; });
}

ProofText proof_text(const attest::LogCheck& check, const Evidence& evidence,
                     const std::vector<output::UnprovenRange>& ranges) {
  ProofText text;
  if (evidence.quote) {
    text.result = quote_text(*evidence.quote) + "quote     " + selection_text(evidence.quote->quote) + " " +
                  output::found_text(check.quote_found_at) + output::quote_fill_text(check) + "\n";
  }
  for (const attest::ValueMatch& match : check.values) {
    text.result += padded(match.value.bank.name(), 9) + " PCR " + padded(std::to_string(match.value.pcr), 2) + " " +
                   output::match_text(match) + "\n";
  }
  const bool anything = evidence.expected.anything();
  for (const output::UnprovenRange& range : ranges) {
    (anything ? text.result : text.notes) += output::range_line(range) + "\n";
  }
  if (!anything) {
    if (!check.problem) text.result += imalog::format_pcrs(check.state);
    return text;
  }
  for (const std::string& line : output::pcr_lines(check)) text.result += line + "\n";
  if (const auto line = output::boot_aggregate_line(check); !line.empty()) text.result += line + "\n";
  text.result += output::total_line(check) + "\n";
  return text;
}

nlohmann::json proof_json(const attest::LogCheck& check, const Evidence& evidence,
                          const std::vector<output::UnprovenRange>& ranges) {
  nlohmann::json result{{"records", check.records}, {"violations", check.violations}};
  result["unproven_ranges"] = nlohmann::json::array();
  for (const output::UnprovenRange& range : ranges) result["unproven_ranges"].push_back(output::range_json(range));
  if (evidence.expected.anything()) {
    result["proven"] = check.proven.value_or(0);
    result["after_match"] = check.after_match;
    result["behind"] = check.after_match;  // the former name
    result["unproven"] = check.unproven;
    result["pcrs"] = nlohmann::json::array();
    for (const attest::ValueMatch& match : check.values) result["pcrs"].push_back(output::value_json(match));
    result["pcrs_of_log"] = nlohmann::json::array();
    for (const attest::PcrProof& proof : check.pcrs) result["pcrs_of_log"].push_back(output::proof_json(proof));
    result["boot_aggregate"] = output::boot_aggregate_json(check);
    if (evidence.quote) result["quote"] = json_of(*evidence.quote, check);
  } else if (!check.problem) {
    result["pcrs"] = imalog::format_pcrs(check.state);
  }
  if (check.bad_record) result["bad_record"] = json_of(*check.bad_record);
  const std::string diagnosis = output::diagnosis_name(check.diagnosis);
  result["diagnosis"] = diagnosis.empty() ? nlohmann::json(nullptr) : nlohmann::json(diagnosis);
  result["problem"] = check.problem ? nlohmann::json(describe(*check.problem)) : nlohmann::json(nullptr);
  return result;
}

std::vector<Remark> remarks(const attest::LogCheck& check, const Evidence& evidence) {
  std::vector<Remark> all;
  for (const UnreadPcr& unread : evidence.unread) {
    const bool named_by_record =
        std::ranges::any_of(check.pcrs, [&](const attest::PcrProof& proof) { return proof.pcr == unread.pcr; });
    if (named_by_record) all.push_back({.where = "PCR " + std::to_string(unread.pcr), .error = unread.error});
  }
  if (!evidence.rtmrs) return all;
  // An RTMR takes the place of several PCRs. It matches only if records name exactly one of them and nothing else
  // extended the RTMR.
  for (const attest::PcrProof& proof : check.pcrs) {
    const auto rtmr = imalog::rtmr_of(proof.pcr);
    if (proof.matched || !rtmr) continue;
    all.push_back(
        {.where = "PCR " + std::to_string(proof.pcr),
         .error = {.code = ErrorCode::kMismatch,
                   .message = "its value is that of RTMR " + std::to_string(*rtmr) +
                              ", which other PCRs share and firmware or a boot loader may have extended "
                              "first; if so, give its value from before the first record with --start FILE"}});
  }
  return all;
}

}  // namespace imakeep::logproof
