// SPDX-License-Identifier: Apache-2.0
#include "ear/jose.h"

#include "base/base64.h"
#include "digest/digest.h"

namespace imakeep::ear {
namespace {

// cjose only reads it, although its type says otherwise.
std::uint8_t* read_only(ByteView bytes) {
  return const_cast<std::uint8_t*>(reinterpret_cast<const std::uint8_t*>(bytes.data()));
}

}  // namespace

JwkOwner jwk_of(const PointOfKey& point, ByteView d) {
  const ErrorsCleared cleared;
  cjose_jwk_ec_keyspec spec = {};
  spec.crv = CJOSE_JWK_EC_P_256;
  spec.x = read_only(point.x);
  spec.xlen = point.x.size();
  spec.y = read_only(point.y);
  spec.ylen = point.y.size();
  spec.d = d.empty() ? nullptr : read_only(d);
  spec.dlen = d.size();
  cjose_jwk_t* const jwk = cjose_jwk_create_EC_spec(&spec, nullptr);
  return jwk == nullptr ? JwkOwner() : JwkOwner(jwk, FreedBy<cjose_jwk_release>());
}

std::string thumbprint_of(const PointOfKey& point) {
  // The members in the order of their names, without white space.
  const std::string members =
      R"({"crv":"P-256","kty":"EC","x":")" + to_base64url(point.x) + R"(","y":")" + to_base64url(point.y) + "\"}";
  return to_base64url(digest::hash(digest::Algorithm::kSha256, as_bytes(members)).view());
}

}  // namespace imakeep::ear
