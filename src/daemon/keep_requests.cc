// SPDX-License-Identifier: Apache-2.0
#include "daemon/keep_requests.h"

#include <nlohmann/json.hpp>

#include "control/message.h"
#include "daemon/request_queue.h"
#include "monitor/keeper_metrics.h"
#include "monitor/status_json.h"
#include "tpm/quote.h"

namespace imakeep::daemon {
namespace {

using nlohmann::json;

Result<control::Message> message_of_metrics(KeepOperations& keeper) {
  IMAKEEP_TRY(const auto& text, keeper.tell_metrics());
  const ByteView bytes = as_bytes(text);
  return control::Message{.head = {{"content_type", monitor::kMetricsContentType}},
                          .payload = Bytes(bytes.begin(), bytes.end())};
}

Result<std::string> text_member(const json& request, const char* operation, const char* member) {
  const auto found = request.find(member);
  if (found != request.end() && found->is_string()) return found->get<std::string>();
  return fail(ErrorCode::kUsage, std::string(operation) + " requires the member " + member + ", a string");
}

Result<std::uint64_t> number_member(const json& request, const char* operation, const char* member) {
  const auto found = request.find(member);
  const bool whole = found != request.end() && found->is_number_integer();
  if (whole && (found->is_number_unsigned() || found->get<std::int64_t>() >= 0)) return found->get<std::uint64_t>();
  return fail(ErrorCode::kUsage, std::string(operation) + " requires the member " + member + ", a count");
}

tl::unexpected<Error> bad_quote(const std::string& what) {
  return fail(ErrorCode::kUsage, "verified: its quote " + what);
}

Result<Bytes> quote_part(const json& quote, const char* member) {
  const auto found = quote.find(member);
  if (found == quote.end() || !found->is_string()) return bad_quote(std::string("requires the member ") + member);
  auto bytes = from_base64(found->get<std::string>());
  if (bytes) return bytes;
  return bad_quote(std::string("has a member ") + member + " that is no base64");
}

std::optional<std::uint32_t> pcr_number(const std::string& text) {
  for (std::uint32_t pcr = 0; pcr < digest::kPcrCount; ++pcr) {
    if (text == std::to_string(pcr)) return pcr;
  }
  return std::nullopt;
}

Result<imalog::PcrValue> quoted_value(const std::string& bank, const std::string& pcr, const json& value) {
  const auto algorithm = digest::algorithm_from_name(bank);
  const auto number = pcr_number(pcr);
  const auto bytes = from_hex(value.is_string() ? value.get<std::string>() : "no digits");
  if (!algorithm || !number || !bytes || bytes->size() != digest::digest_bytes(*algorithm)) {
    return bad_quote(R"(has PCR values of an unknown form; write {"sha256": {"0": HEX}})");
  }
  return imalog::PcrValue{
      .bank = digest::bank_of(*algorithm), .pcr = *number, .value = digest::Digest(ByteView(*bytes))};
}

// A quote is kept as evidence. That it is a quote, a signature and a public key is all that is checked of it.
Result<archive::AcceptedQuote> accepted_quote(const json& request) {
  if (!request.is_object()) return bad_quote("is no object");
  archive::AcceptedQuote quote;
  IMAKEEP_TRY(quote.statement, quote_part(request, "statement"));
  IMAKEEP_TRY(quote.signature, quote_part(request, "signature"));
  IMAKEEP_TRY(quote.ak_public, quote_part(request, "ak_public"));
  if (const auto parsed = tpm::parse_quote(quote.statement); !parsed) return bad_quote(parsed.error().message);
  if (const auto parsed = tpm::parse_signature(quote.signature); !parsed) return bad_quote(parsed.error().message);
  if (const auto parsed = tpm::parse_public_key(quote.ak_public); !parsed) return bad_quote(parsed.error().message);
  const auto pcrs = request.find("pcrs");
  if (pcrs == request.end()) return quote;
  if (!pcrs->is_object()) return bad_quote("has PCR values that are no object");
  for (const auto& [bank, values] : pcrs->items()) {
    if (!values.is_object()) return bad_quote("has PCR values that are no object");
    for (const auto& [pcr, value] : values.items()) {
      IMAKEEP_TRY(const auto& given, quoted_value(bank, pcr, value));
      quote.pcrs.push_back(given);
    }
  }
  return quote;
}

Result<control::Message> take_verified(const json& request, KeepOperations& keeper) {
  IMAKEEP_TRY(const auto& verifier, text_member(request, "verified", "verifier"));
  IMAKEEP_TRY(const auto& chain, number_member(request, "verified", "chain"));
  IMAKEEP_TRY(const auto& records, number_member(request, "verified", "n"));
  std::optional<archive::AcceptedQuote> quote;
  if (request.contains("quote")) {
    IMAKEEP_TRY(quote, accepted_quote(request["quote"]));
  }
  IMAKEEP_TRY(const auto& is_new, keeper.verified(verifier, archive::ChainId(chain), records, quote));
  return control::Message{.head = {{"new", is_new}}};
}

Result<control::Message> list_or_remove_verifiers(const json& request, KeepOperations& keeper) {
  if (request.contains("remove")) {
    IMAKEEP_TRY(const auto& verifier, text_member(request, "verifiers", "remove"));
    IMAKEEP_CHECK(keeper.remove_verifier(verifier));
  }
  IMAKEEP_TRY(const auto& known, keeper.tell_verifiers());
  json head = {{"chain", nullptr}, {"verifiers", json::array()}};
  if (known.chain) head["chain"] = known.chain->value();
  for (const archive::Verifier& verifier : known.verifiers) {
    head["verifiers"].push_back(
        {{"name", verifier.name}, {"records", verifier.acknowledged}, {"last_unix_s", verifier.acknowledged_unix_s}});
  }
  return control::Message{.head = std::move(head)};
}

Result<control::Message> carry_out(const std::string& operation, const json& request, KeepOperations& keeper) {
  if (operation == "status") {
    IMAKEEP_TRY(const auto& status, keeper.tell_status());
    return control::Message{.head = monitor::json_of(status)};
  }
  if (operation == "metrics") return message_of_metrics(keeper);
  if (operation == "follow") {
    IMAKEEP_TRY(const auto& followed, keeper.follow_now());
    return control::Message{.head = {{"archived", followed.archived}, {"list_records", followed.list_records}}};
  }
  if (operation == "trim") {
    IMAKEEP_TRY(const auto& trimmed, keeper.trim_now());
    json head = monitor::json_of(trimmed.result);
    head["list_records"] = trimmed.list_records;
    return control::Message{.head = std::move(head)};
  }
  if (operation == "verified") return take_verified(request, keeper);
  if (operation == "verifiers") return list_or_remove_verifiers(request, keeper);
  return fail(ErrorCode::kUsage, "unknown operation '" + operation +
                                     "'; a keeper has status, follow, trim, metrics, verified and verifiers");
}

}  // namespace

control::Message answer_request(const control::Message& request, KeepOperations& keeper) {
  const auto op = request.head.find("op");
  const std::string operation = op != request.head.end() && op->is_string() ? op->get<std::string>() : "";
  auto answer = carry_out(operation, request.head, keeper);
  if (!answer) return refusal(answer.error());
  answer->head["ok"] = true;
  return std::move(*answer);
}

}  // namespace imakeep::daemon
