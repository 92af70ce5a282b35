// SPDX-License-Identifier: Apache-2.0
#include "ear/claims.h"

#include <set>

#include "base/base64.h"
#include "base/text.h"
#include "ear/claim_names.h"
#include "ear/proof_claim.h"
#include "jsontext/json_text.h"

namespace imakeep::ear {
namespace {

using jsontext::Members;
using jsontext::read_object;
using nlohmann::json;
using nlohmann::ordered_json;

constexpr std::size_t kLeastNonceBytes = 8;
constexpr std::size_t kMostNonceBytes = 64;
constexpr std::size_t kMostNonceText = 88;

// The bytes of base64 of either alphabet, with or without padding.
Result<Bytes> bytes_of_nonce(std::string text) {
  while (text.ends_with('=')) text.pop_back();
  for (char& c : text) c = c == '+' ? '-' : c == '/' ? '_' : c;
  return from_base64url(text);
}

// What is wrong with a relying party's nonce in this profile; empty if nothing is.
std::string nonce_problem(const std::string& nonce, Profile profile) {
  const std::size_t least = profile == Profile::kIetf ? 12 : kLeastNonceBytes;
  if (nonce.size() < least || nonce.size() > kMostNonceText) {
    return "has " + std::to_string(nonce.size()) + " characters instead of " + std::to_string(least) + " to " +
           std::to_string(kMostNonceText);
  }
  if (profile == Profile::kVeraison) return {};
  const auto bytes = bytes_of_nonce(nonce);
  const bool fits = bytes && bytes->size() >= kLeastNonceBytes && bytes->size() <= kMostNonceBytes;
  return fits ? std::string() : "is not base64 of 8 to 64 bytes";
}

bool proves_although_failed(const Appraisal& appraisal) {
  return appraisal.proof && appraisal.proof->n && appraisal.vector[Claim::kInstanceIdentity] == kCryptographicFailure;
}

// ---- making

Result<void> check(const Ear& ear, Profile profile) {
  if (ear.appraisals.empty()) return fail(ErrorCode::kUsage, "an attestation result needs an appraisal");
  if (ear.issued_at_s < 0 || (ear.expires_at_s && *ear.expires_at_s <= ear.issued_at_s)) {
    return fail(ErrorCode::kUsage, "an attestation result must expire after it was issued");
  }
  if (ear.nonce) {
    const std::string problem = nonce_problem(*ear.nonce, profile);
    if (!problem.empty()) return fail(ErrorCode::kUsage, "the nonce " + problem + "; give another one");
  }
  std::set<std::string> names;
  for (const Appraisal& appraisal : ear.appraisals) {
    if (appraisal.name.empty() || !names.insert(appraisal.name).second) {
      return fail(ErrorCode::kUsage, "each appraisal needs a name of its own");
    }
    const auto& nonce = appraisal.evidence_nonce;
    if (nonce && (nonce->size() < kLeastNonceBytes || nonce->size() > kMostNonceBytes)) {
      return fail(ErrorCode::kUsage, "a nonce of the evidence has 8 to 64 bytes");
    }
    if (proves_although_failed(appraisal)) {
      return fail(ErrorCode::kUsage, "a proof that failed proves no records, so it has no n");
    }
  }
  return {};
}

ordered_json made(const Appraisal& appraisal, Profile profile) {
  const ClaimNames& names = claim_names(profile);
  ordered_json vector = ordered_json::object();
  for (std::size_t i = 0; i < kClaimCount; ++i) {
    const auto claim = static_cast<Claim>(i);
    vector[std::string(name_of(claim))] = appraisal.vector[claim];
  }
  ordered_json object = {{names.status, name_of(appraisal.vector.status())}, {names.vector, std::move(vector)}};
  if (!appraisal.policy_ids.empty()) {
    if (profile == Profile::kIetf) {
      object[names.policy] = appraisal.policy_ids;
    } else {
      // One text: the policy that judged the last records. The proof names all.
      object[names.policy] = appraisal.policy_ids.back();
    }
  }
  if (appraisal.evidence_nonce && profile == Profile::kIetf) object["eat_nonce"] = to_base64(*appraisal.evidence_nonce);
  if (appraisal.proof) object[names.proof] = made_proof(*appraisal.proof);
  return object;
}

// ---- reading

Result<Tier> read_status(const Members& members, const ClaimNames& names, Profile profile) {
  const json* const value = members.find(names.status);
  if (value == nullptr) return members.bad(names.status, "is missing");
  std::optional<Tier> tier;
  if (value->is_string()) tier = tier_named(value->get_ref<const std::string&>());
  // veraison/ear takes the number of the tier too.
  if (value->is_number_unsigned() && profile == Profile::kVeraison) tier = tier_numbered(value->get<std::int64_t>());
  if (!tier) return members.bad(names.status, "is none of none, affirming, warning and contraindicated");
  return *tier;
}

Result<TrustVector> read_vector(const json& object, const std::string& where) {
  TrustVector vector;
  const Members members(object, where);
  for (const auto& [name, value] : object.items()) {
    const auto claim = claim_named(name);
    if (!claim) return members.bad(name, "is unknown here");
    constexpr std::int64_t kLeast = -128;
    constexpr std::int64_t kMost = 127;
    // A number above 2^63 would be a negative one as std::int64_t.
    const bool too_large = value.is_number_unsigned() && value.get<std::uint64_t>() > std::uint64_t{kMost};
    if (!value.is_number_integer() || too_large || value.get<std::int64_t>() < kLeast ||
        value.get<std::int64_t>() > kMost) {
      return members.bad(name, "is no whole number from -128 to 127");
    }
    vector.set(*claim, value.get<ClaimValue>());
  }
  return vector;
}

Result<std::vector<std::string>> read_policy_ids(const Members& members, const ClaimNames& names, Profile profile) {
  std::vector<std::string> ids;
  if (members.find(names.policy) == nullptr) return ids;
  if (profile == Profile::kVeraison) {
    IMAKEEP_TRY(auto id, members.text(names.policy));
    ids.push_back(std::move(id));
    return ids;
  }
  IMAKEEP_TRY(const json* const array, members.array(names.policy));
  if (array->empty()) return members.bad(names.policy, "is empty");
  for (const json& id : *array) {
    if (!id.is_string()) return members.bad(names.policy, "has an element that is no text");
    ids.push_back(id.get<std::string>());
  }
  return ids;
}

Result<Appraisal> read_appraisal(const std::string& name, const json& object, Profile profile) {
  const std::string where = "submods/" + printable(name);
  if (!object.is_object()) return fail(ErrorCode::kMalformed, where + " is no object");
  const ClaimNames& names = claim_names(profile);
  const Members members(object, where);
  Appraisal appraisal = {.name = name};
  IMAKEEP_TRY(appraisal.status, read_status(members, names, profile));
  if (members.find(names.vector) != nullptr) {
    IMAKEEP_TRY(const json* const vector, members.object(names.vector));
    IMAKEEP_TRY(appraisal.vector, read_vector(*vector, where + '/' + names.vector));
  }
  if (!allowed(appraisal.status, appraisal.vector)) return members.bad(names.status, "promises more than the vector");
  IMAKEEP_TRY(appraisal.policy_ids, read_policy_ids(members, names, profile));
  if (profile == Profile::kIetf && members.find("eat_nonce") != nullptr) {
    IMAKEEP_TRY(auto text, members.text("eat_nonce"));
    const std::string problem = nonce_problem(text, profile);
    if (!problem.empty()) return members.bad("eat_nonce", problem);
    IMAKEEP_TRY(appraisal.evidence_nonce, bytes_of_nonce(std::move(text)));
  }
  if (members.find(names.proof) != nullptr) {
    IMAKEEP_TRY(const json* const proof, members.object(names.proof));
    IMAKEEP_TRY(appraisal.proof, read_proof(*proof, where + '/' + names.proof));
    if (proves_although_failed(appraisal)) return members.bad(names.proof, "has an n, although the proof failed");
  }
  return appraisal;
}

Result<void> read_verifier(const json& object, const std::string& where, VerifierId& verifier) {
  const Members members(object, where);
  IMAKEEP_CHECK(members.only({"developer", "build"}));
  IMAKEEP_TRY(verifier.developer, members.text("developer"));
  IMAKEEP_TRY(verifier.build, members.text("build"));
  return {};
}

Result<void> read_times(const Members& members, Ear& ear) {
  IMAKEEP_TRY(const auto issued, members.count("iat"));
  ear.issued_at_s = static_cast<std::int64_t>(issued);
  IMAKEEP_TRY(const auto expires, members.optional_count("exp"));
  if (expires) ear.expires_at_s = static_cast<std::int64_t>(*expires);
  return {};
}

// What this reader does not use, but whose form is fixed.
Result<void> check_unused(const Members& members, const ClaimNames& names) {
  IMAKEEP_TRY(const auto evidence, members.optional_text(names.raw_evidence));
  if (evidence && !from_base64url(*evidence)) return members.bad(names.raw_evidence, "is no base64url");
  return {};
}

}  // namespace

Result<std::string> make_claims(const Ear& ear, Profile profile) {
  IMAKEEP_CHECK(check(ear, profile));
  const ClaimNames& names = claim_names(profile);
  ordered_json claims = {{"eat_profile", profile_tag(profile)}, {"iat", ear.issued_at_s}};
  if (ear.expires_at_s) claims["exp"] = *ear.expires_at_s;
  claims[names.verifier] = {{"developer", ear.verifier.developer}, {"build", ear.verifier.build}};
  if (ear.nonce) claims["eat_nonce"] = *ear.nonce;
  ordered_json submods = ordered_json::object();
  for (const Appraisal& appraisal : ear.appraisals) submods[appraisal.name] = made(appraisal, profile);
  claims["submods"] = std::move(submods);
  return claims.dump(-1, ' ', false, ordered_json::error_handler_t::replace);
}

Result<Ear> read_claims(std::string_view text, Profile profile) {
  IMAKEEP_TRY(const json claims, read_object(text, "claims"));
  const ClaimNames& names = claim_names(profile);
  const Members members(claims, "claims");
  IMAKEEP_TRY(const std::string tag, members.text("eat_profile"));
  if (tag != profile_tag(profile)) {
    return fail(ErrorCode::kMismatch, "claims: eat_profile is \"" + printable(tag) + "\" instead of \"" +
                                          std::string(profile_tag(profile)) + "\"; ask for that profile");
  }
  Ear ear;
  IMAKEEP_CHECK(read_times(members, ear));
  IMAKEEP_TRY(const json* const verifier, members.object(names.verifier));
  IMAKEEP_CHECK(read_verifier(*verifier, names.verifier, ear.verifier));
  IMAKEEP_TRY(ear.nonce, members.optional_text("eat_nonce"));
  if (ear.nonce) {
    const std::string problem = nonce_problem(*ear.nonce, profile);
    if (!problem.empty()) return members.bad("eat_nonce", problem);
  }
  IMAKEEP_CHECK(check_unused(members, names));
  IMAKEEP_TRY(const json* const submods, members.object("submods"));
  if (submods->empty()) return members.bad("submods", "is empty");
  for (const auto& [name, object] : submods->items()) {
    IMAKEEP_TRY(auto appraisal, read_appraisal(name, object, profile));
    ear.appraisals.push_back(std::move(appraisal));
  }
  return ear;
}

}  // namespace imakeep::ear
