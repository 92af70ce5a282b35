// SPDX-License-Identifier: Apache-2.0
// ear/public_keys.h - the keys by which attestation results are checked: a JSON Web Key Set (RFC 7517).
//
// Threads: constant values; several threads may use one at once.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"

namespace imakeep::ear {

struct PointOfKey;

// A public key of P-256 for ES256.
class PublicKey {
 public:
  // `point` is on the curve.
  PublicKey(const PointOfKey& point, std::string id);

  const std::string& id() const;  // the member "kid"
  // {"kty":"EC","crv":"P-256","x":...,"y":...,"use":"sig","alg":"ES256","kid":...}
  std::string to_json() const;

  // Whether the key made this compact JWS. REQUIRES: its header says ES256, and its parts are as token.h checks them.
  bool signed_token(std::string_view token) const;

 private:
  struct Parts;
  std::shared_ptr<const Parts> parts_;
};

// A set that is larger, or has more keys, is refused.
inline constexpr std::size_t kMostKeySetBytes = 64u << 10;
inline constexpr std::size_t kMostKeys = 64;

class PublicKeys {
 public:
  explicit PublicKeys(std::vector<PublicKey> keys) : keys_(std::move(keys)) {}

  // A key set. Ignores keys of another kind, curve, algorithm or use, as RFC 7517 demands. A key without "kid" has its
  // thumbprint as id. Errors:
  //   kMalformed    no key set; a coordinate of another length; a point that is not on the curve; two keys with one id;
  //                 a private or symmetric key, which nobody may publish
  //   kUnsupported  too large, too many keys, or no key for ES256
  static Result<PublicKeys> parse(std::string_view jwks);

  std::string to_json() const;  // {"keys":[...]}
  // Both borrow from the set.
  const PublicKey* find(std::string_view id) const&;
  const PublicKey* find(std::string_view id) const&& = delete;
  const std::vector<PublicKey>& keys() const& { return keys_; }
  const std::vector<PublicKey>& keys() const&& = delete;

 private:
  std::vector<PublicKey> keys_;
};

}  // namespace imakeep::ear
