// SPDX-License-Identifier: Apache-2.0
#include "ear/token.h"

#include <algorithm>

#include "base/base64.h"
#include "base/text.h"
#include "ear/claims.h"
#include "ear/jose.h"
#include "ear/key_set.h"
#include "jsontext/json_text.h"

namespace imakeep::ear {
namespace {

using jsontext::Members;
using jsontext::read_object;
using nlohmann::json;

unexpected<Error> refused(ErrorCode code, std::string_view reason, const std::string& what) {
  return fail(code, "token refused (" + std::string(reason) + "): " + what);
}

Error refused(std::string_view reason, Error error) {
  error.message = "token refused (" + std::string(reason) + "): " + error.message;
  return error;
}

struct Parts {
  Bytes header;
  Bytes claims;
};

Result<Parts> split_token(std::string_view token) {
  if (token.size() > kMostTokenBytes) {
    return refused(ErrorCode::kMalformed, "too-large",
                   "it has more than " + std::to_string(kMostTokenBytes) + " bytes");
  }
  const auto parts = split(token, ".");
  if (parts.size() != 3) {
    return refused(ErrorCode::kMalformed, "not-compact",
                   "it has " + std::to_string(parts.size()) + " parts instead of header.claims.signature");
  }
  auto header = from_base64url(parts[0]);
  auto claims = from_base64url(parts[1]);
  const auto signature = from_base64url(parts[2]);
  if (!header || !claims || !signature) return refused(ErrorCode::kMalformed, "base64", "a part is not base64url");
  return Parts{.header = std::move(*header), .claims = std::move(*claims)};
}

bool is_type(std::string_view type) {
  std::string lower(type);
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  return lower == "eat+jwt" || lower == "application/eat+jwt";
}

Result<void> check_algorithm(const Members& header) {
  const auto algorithm = header.text("alg");
  if (!algorithm) return unexpected(refused("header", algorithm.error()));
  if (*algorithm == "none") {
    return refused(ErrorCode::kUnsupported, "alg-none", "it is not signed; only ES256 is accepted");
  }
  if (*algorithm != "ES256") {
    return refused(ErrorCode::kUnsupported, "algorithm",
                   "it is signed by \"" + printable(*algorithm) + "\"; only ES256 is accepted");
  }
  return {};
}

// The key that the header names.
Result<const PublicKey*> check_header(const Bytes& text, const PublicKeys& keys) {
  const auto header = read_object(as_text(text), "header");
  if (!header) return unexpected(refused("header", header.error()));
  const Members members(*header, "header");
  IMAKEEP_CHECK(check_algorithm(members));
  if (members.find("crit") != nullptr) {
    return refused(ErrorCode::kUnsupported, "critical", "it has a critical header, and none is known here");
  }
  if (members.find("b64") != nullptr) {
    return refused(ErrorCode::kUnsupported, "critical", "it has the header b64 without making it critical");
  }
  const auto type = members.text("typ");
  if (!type || !is_type(*type)) {
    return refused(ErrorCode::kUnsupported, "type", "its header's typ is not \"eat+jwt\"");
  }
  const auto id = members.text("kid");
  if (!id) return refused(ErrorCode::kMalformed, "no-kid", "its header names no key");
  const PublicKey* const key = keys.find(*id);
  if (key == nullptr) {
    return refused(ErrorCode::kMismatch, "unknown-kid",
                   "its key \"" + printable(*id) + "\" is not in the key set; get the verifier's key set again");
  }
  return key;
}

Result<void> check_signature(std::string_view token, const PublicKey& key) {
  const std::string_view signature = token.substr(token.rfind('.') + 1);
  if (const auto bytes = from_base64url(signature); !bytes || bytes->size() != kSignatureBytes) {
    return refused(ErrorCode::kMalformed, "signature-length", "an ES256 signature has 64 bytes");
  }
  if (!key.signed_token(token)) {
    return refused(ErrorCode::kMismatch, "signature", "it is not signed by its key, or was altered");
  }
  return {};
}

Result<void> check_times(const Ear& ear, const TokenCheck& check) {
  if (ear.issued_at_s > check.now_s && ear.issued_at_s - check.now_s > kClockSkewSeconds) {
    return refused(ErrorCode::kMismatch, "not-yet", "it was issued in the future; check both clocks");
  }
  std::optional<std::int64_t> end = ear.expires_at_s;
  if (!end && !check.most_age_s) {
    return refused(ErrorCode::kMismatch, "no-expiry", "it never expires, and no greatest age is given");
  }
  // Both are at least 0, so neither difference can overflow.
  if (end && check.now_s - *end >= kClockSkewSeconds) {
    return refused(ErrorCode::kMismatch, "expired",
                   "it expired " + std::to_string(check.now_s - *end) + " s ago; ask for a new one");
  }
  if (check.most_age_s && check.now_s - ear.issued_at_s > *check.most_age_s) {
    return refused(ErrorCode::kMismatch, "expired", "it is older than the greatest age given; ask for a new one");
  }
  return {};
}

// nbf is no claim of an attestation result, but a reader of JWT obeys it (RFC 7519, 4.1.5).
Result<void> check_not_before(const Bytes& claims, const TokenCheck& check) {
  IMAKEEP_TRY(const json object, read_object(as_text(claims), "claims"));
  const auto not_before = Members(object, "claims").optional_count("nbf");
  if (!not_before) return unexpected(refused("claims", not_before.error()));
  if (!*not_before || check.now_s + kClockSkewSeconds >= static_cast<std::int64_t>(**not_before)) return {};
  return refused(ErrorCode::kMismatch, "not-yet", "it is valid only later; check both clocks");
}

}  // namespace

Result<Ear> verify_token(std::string_view token, const PublicKeys& keys, const TokenCheck& check) {
  IMAKEEP_TRY(const Parts parts, split_token(token));
  IMAKEEP_TRY(const PublicKey* const key, check_header(parts.header, keys));
  IMAKEEP_CHECK(check_signature(token, *key));
  auto ear = read_claims(as_text(parts.claims), check.profile);
  if (!ear) {
    const bool other_profile = ear.error().code == ErrorCode::kMismatch;
    return unexpected(refused(other_profile ? "profile" : "claims", std::move(ear).error()));
  }
  IMAKEEP_CHECK(check_not_before(parts.claims, check));
  IMAKEEP_CHECK(check_times(*ear, check));
  if (check.nonce && ear->nonce != check.nonce) {
    return refused(ErrorCode::kMismatch, "nonce",
                   "its nonce is not the one that was given; it answers another question");
  }
  return ear;
}

}  // namespace imakeep::ear
