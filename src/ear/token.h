// SPDX-License-Identifier: Apache-2.0
// ear/token.h - checks a signed attestation result: a JWT in the compact form HEADER.CLAIMS.SIGNATURE.
//
// Every part is checked before libcjose sees it, since libcjose 0.6.2 takes signatures of another length, the algorithm
// that the header names whatever the key is for, and unknown critical headers. Keys come from the key set alone: the
// headers jku, jwk, x5u and x5c are not looked at. The signature of a token is not unique: (r, n - s) is valid where
// (r, s) is, so whoever looks for tokens seen before compares claims and not bytes.
//
// Source: RFC 7515, 7519, 8725. Threads: no shared state.
#pragma once

#include "ear/ear.h"
#include "ear/public_keys.h"

namespace imakeep::ear {

inline constexpr std::size_t kMostTokenBytes = 64u << 10;

struct TokenCheck {
  Profile profile = Profile::kVeraison;
  std::int64_t now_s = 0;
  // What the relying party gave; empty: not compared.
  std::optional<std::string> nonce = std::nullopt;
  // Tokens that do not expire by themselves are accepted for so long after they were issued; empty: not at all.
  std::optional<std::int64_t> most_age_s = std::nullopt;
};

// The claims of a token that one of the keys signed. Each message begins with "token refused (REASON): ", and
// docs/formats/ear.md lists the reasons. kMalformed: no token or bad claims; kUnsupported: another algorithm, type or
// critical header; kMismatch: another key, signature, profile, nonce or time.
Result<Ear> verify_token(std::string_view token, const PublicKeys& keys, const TokenCheck& check);

}  // namespace imakeep::ear
