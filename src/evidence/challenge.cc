// SPDX-License-Identifier: Apache-2.0
#include "evidence/challenge.h"

#include <algorithm>
#include <limits>

#include "base/base64.h"
#include "base/text.h"
#include "digest/pcr_state.h"
#include "evidence/message.h"
#include "evidence/nonce.h"

namespace imakeep::evidence {
namespace {

using jsontext::Members;
using nlohmann::json;
using nlohmann::ordered_json;

constexpr std::uint64_t kMostResetCount = std::numeric_limits<std::uint32_t>::max();
constexpr std::string_view kPolicyPrefix = "sha256:";
constexpr std::size_t kPolicyDigits = 64;

Result<std::optional<std::uint64_t>> read_reset_count(const Members& members) {
  IMAKEEP_TRY(const auto count, members.optional_count("reset_count"));
  if (count && *count > kMostResetCount) return members.bad("reset_count", "has more than 32 bits");
  return count;
}

Result<std::vector<digest::Algorithm>> read_banks(const Members& members) {
  std::vector<digest::Algorithm> banks;
  if (members.find("banks") == nullptr) return banks;
  IMAKEEP_TRY(const json* const array, members.array("banks"));
  for (const json& name : *array) {
    if (!name.is_string()) return members.bad("banks", "has an element that is no text");
    const auto algorithm = digest::algorithm_from_name(name.get_ref<const std::string&>());
    if (!algorithm) continue;
    if (std::find(banks.begin(), banks.end(), *algorithm) != banks.end()) {
      return members.bad("banks", "names a bank twice");
    }
    banks.push_back(*algorithm);
  }
  return banks;
}

Result<PcrChoice> read_choice(const Members& members, const std::string& bank, const json& pcrs) {
  const auto algorithm = digest::algorithm_from_name(bank);
  if (!algorithm) {
    return fail(ErrorCode::kUnsupported,
                "challenge: no known PCR bank: \"" + printable(std::string_view(bank).substr(0, 40)) + "\"");
  }
  PcrChoice choice = {.bank = *algorithm};
  if (!pcrs.is_array() || pcrs.empty()) return members.bad("pcrs", "has a bank without an array of PCRs");
  for (const json& pcr : pcrs) {
    if (!pcr.is_number_unsigned() || pcr.get<std::uint64_t>() >= digest::kPcrCount) {
      return members.bad("pcrs", "has a PCR that is no number from 0 to 23");
    }
    const auto number = pcr.get<std::uint32_t>();
    if (!choice.pcrs.empty() && number <= choice.pcrs.back()) {
      return members.bad("pcrs", "has PCRs that are not in ascending order");
    }
    choice.pcrs.push_back(number);
  }
  return choice;
}

Result<std::vector<PcrChoice>> read_pcrs(const Members& members) {
  IMAKEEP_TRY(const json* const object, members.object("pcrs"));
  if (object->empty()) return members.bad("pcrs", "is empty");
  std::vector<PcrChoice> choices;
  for (const auto& [bank, pcrs] : object->items()) {
    IMAKEEP_TRY(auto choice, read_choice(members, bank, pcrs));
    choices.push_back(std::move(choice));
  }
  const auto by_bank = [](const PcrChoice& a, const PcrChoice& b) { return a.bank < b.bank; };
  std::sort(choices.begin(), choices.end(), by_bank);
  // Two names may be of one bank: "sm3" and "sm3_256".
  const auto same = [](const PcrChoice& a, const PcrChoice& b) { return a.bank == b.bank; };
  if (std::adjacent_find(choices.begin(), choices.end(), same) != choices.end()) {
    return members.bad("pcrs", "names a bank twice");
  }
  return choices;
}

bool is_policy_digest(const json& value) {
  if (!value.is_string()) return false;
  const std::string_view text = value.get_ref<const std::string&>();
  const auto digit = [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); };
  return text.starts_with(kPolicyPrefix) && text.size() == kPolicyPrefix.size() + kPolicyDigits &&
         std::all_of(text.begin() + kPolicyPrefix.size(), text.end(), digit);
}

Result<std::vector<std::string>> read_policies(const Members& members) {
  IMAKEEP_TRY(const json* const array, members.array("policies"));
  if (array->size() > kMostPolicies) {
    return members.bad("policies", "has more than " + std::to_string(kMostPolicies) + " elements");
  }
  std::vector<std::string> policies;
  for (const json& digest : *array) {
    if (!is_policy_digest(digest))
      return members.bad("policies", "has an element that is no \"sha256:\" and 64 digits");
    policies.push_back(digest.get<std::string>());
  }
  return policies;
}

Result<void> read_limits(const Members& members, Challenge& challenge) {
  IMAKEEP_TRY(const json* const object, members.object("limits"));
  const Members limits(*object, "challenge: limits");
  IMAKEEP_TRY(challenge.most_records, limits.count("records"));
  IMAKEEP_TRY(challenge.most_bytes, limits.count("bytes"));
  return {};
}

}  // namespace

Result<std::string> make_challenge_request(const ChallengeRequest& request) {
  ordered_json object = {{"version", kControlVersion}};
  if (!request.tenant.empty()) object["tenant"] = request.tenant;
  object["host"] = request.host;
  if (!request.banks.empty()) {
    ordered_json banks = ordered_json::array();
    for (const digest::Algorithm bank : request.banks) banks.push_back(digest::info(bank).name);
    object["banks"] = std::move(banks);
  }
  if (request.reset_count) object["reset_count"] = *request.reset_count;
  if (request.records) object["records"] = *request.records;
  return checked_message(text_of(object), read_challenge_request);
}

Result<ChallengeRequest> read_challenge_request(std::string_view text) {
  IMAKEEP_TRY(const json object, read_message(text, "challenge request", kMostControlBytes));
  const Members members(object, "challenge request");
  ChallengeRequest request;
  IMAKEEP_TRY(auto name, read_host_name(members));
  request.tenant = std::move(name.tenant);
  request.host = std::move(name.host);
  IMAKEEP_TRY(request.banks, read_banks(members));
  IMAKEEP_TRY(request.reset_count, read_reset_count(members));
  IMAKEEP_TRY(request.records, members.optional_count("records"));
  return request;
}

Result<std::string> make_challenge(const Challenge& challenge) {
  ordered_json pcrs = ordered_json::object();
  for (const PcrChoice& choice : challenge.pcrs) {
    pcrs[std::string(digest::info(choice.bank).name)] = choice.pcrs;
  }
  if (pcrs.size() != challenge.pcrs.size()) return fail(ErrorCode::kUsage, "challenge: pcrs names a bank twice");
  ordered_json object = {{"version", kControlVersion},
                         {"nonce", to_base64url(challenge.nonce)},
                         {"token", to_base64url(challenge.token)},
                         {"chain", challenge.chain},
                         {"first", challenge.first}};
  if (challenge.reset_count) object["reset_count"] = *challenge.reset_count;
  object["pcrs"] = std::move(pcrs);
  object["limits"] = {{"records", challenge.most_records}, {"bytes", challenge.most_bytes}};
  object["policies"] = challenge.policies;
  object["interval_s"] = challenge.interval_s;
  if (challenge.retains) object["retains"] = true;
  return checked_message(text_of(object), read_challenge);
}

Result<Challenge> read_challenge(std::string_view text) {
  IMAKEEP_TRY(const json object, read_message(text, "challenge", kMostControlBytes));
  const Members members(object, "challenge");
  Challenge challenge;
  IMAKEEP_TRY(challenge.nonce, read_base64url(members, "nonce", kNonceBytes, kNonceBytes));
  IMAKEEP_TRY(challenge.token, read_base64url(members, "token", kTokenBytes, kTokenBytes));
  IMAKEEP_TRY(challenge.chain, members.count("chain"));
  IMAKEEP_TRY(challenge.first, members.count("first"));
  IMAKEEP_TRY(challenge.reset_count, read_reset_count(members));
  IMAKEEP_TRY(challenge.pcrs, read_pcrs(members));
  IMAKEEP_CHECK(read_limits(members, challenge));
  IMAKEEP_TRY(challenge.policies, read_policies(members));
  IMAKEEP_TRY(challenge.interval_s, members.count("interval_s"));
  IMAKEEP_TRY(challenge.retains, read_flag(members, "retains"));
  return challenge;
}

}  // namespace imakeep::evidence
