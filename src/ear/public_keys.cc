// SPDX-License-Identifier: Apache-2.0
#include "ear/public_keys.h"

#include <algorithm>

#include "base/base64.h"
#include "base/text.h"
#include "ear/jose.h"
#include "jsontext/json_text.h"

namespace imakeep::ear {
namespace {

using jsontext::Members;
using jsontext::read_object;
using nlohmann::json;
using nlohmann::ordered_json;

// The members of private and symmetric keys (RFC 7518, 6.2.2, 6.3.2 and 6.4.1; RFC 8037, 2).
constexpr std::string_view kPrivateMembers[] = {"d", "p", "q", "dp", "dq", "qi", "oth", "k"};

// Whether the key is for checking ES256.
bool is_for_es256(const Members& key) {
  const auto is = [&](std::string_view member, std::string_view value, bool may_be_missing) {
    const json* const found = key.find(member);
    if (found == nullptr) return may_be_missing;
    return found->is_string() && found->get_ref<const std::string&>() == value;
  };
  if (!is("kty", "EC", false) || !is("crv", "P-256", false)) return false;
  if (!is("use", "sig", true) || !is("alg", "ES256", true)) return false;
  const json* const operations = key.find("key_ops");
  if (operations == nullptr) return true;
  return operations->is_array() && std::find(operations->begin(), operations->end(), "verify") != operations->end();
}

Result<Bytes> coordinate(const Members& key, std::string_view name) {
  IMAKEEP_TRY(const std::string text, key.text(name));
  auto bytes = from_base64url(text);
  if (!bytes) return key.bad(name, "is no base64url");
  if (bytes->size() != kCoordinateBytes) {
    return key.bad(name, "has " + std::to_string(bytes->size()) + " bytes instead of 32");
  }
  return bytes;
}

Result<PublicKey> key_of(const Members& members) {
  PointOfKey point;
  IMAKEEP_TRY(point.x, coordinate(members, "x"));
  IMAKEEP_TRY(point.y, coordinate(members, "y"));
  if (!jwk_of(point)) return members.bad("x, y", "is no point of P-256");
  IMAKEEP_TRY(auto id, members.optional_text("kid"));
  return PublicKey(point, id ? std::move(*id) : thumbprint_of(point));
}

}  // namespace

struct PublicKey::Parts {
  PointOfKey point;
  std::string id;
  JwkOwner jwk;
};

PublicKey::PublicKey(const PointOfKey& point, std::string id)
    : parts_(std::make_shared<const Parts>(Parts{.point = point, .id = std::move(id), .jwk = jwk_of(point)})) {}

const std::string& PublicKey::id() const {
  return parts_->id;
}

std::string PublicKey::to_json() const {
  const ordered_json key = {{"kty", "EC"},
                            {"crv", "P-256"},
                            {"x", to_base64url(parts_->point.x)},
                            {"y", to_base64url(parts_->point.y)},
                            {"use", "sig"},
                            {"alg", "ES256"},
                            {"kid", parts_->id}};
  return key.dump();
}

bool PublicKey::signed_token(std::string_view token) const {
  const ErrorsCleared cleared;
  const JwsOwner jws(cjose_jws_import(token.data(), token.size(), nullptr));
  return jws && parts_->jwk && cjose_jws_verify(jws.get(), parts_->jwk.get(), nullptr);
}

Result<PublicKeys> PublicKeys::parse(std::string_view jwks) {
  if (jwks.size() > kMostKeySetBytes) {
    return fail(ErrorCode::kUnsupported,
                "key set: more than " + std::to_string(kMostKeySetBytes) + " bytes; give only the verifier's keys");
  }
  IMAKEEP_TRY(const json set, read_object(jwks, "key set"));
  IMAKEEP_TRY(const json* const array, Members(set, "key set").array("keys"));
  if (array->size() > kMostKeys) {
    return fail(ErrorCode::kUnsupported, "key set: more than " + std::to_string(kMostKeys) + " keys");
  }
  PublicKeys found({});
  for (std::size_t i = 0; i < array->size(); ++i) {
    const json& object = (*array)[i];
    const std::string where = "key set: key " + std::to_string(i + 1);
    if (!object.is_object()) return fail(ErrorCode::kMalformed, where + " is no object");
    const Members members(object, where);
    for (const std::string_view name : kPrivateMembers) {
      if (members.find(name) == nullptr) continue;
      return members.bad(name, "is there: the key is private; replace it, and publish public keys only");
    }
    if (!is_for_es256(members)) continue;
    IMAKEEP_TRY(auto key, key_of(members));
    if (found.find(key.id()) != nullptr) return members.bad("kid", "is that of another key too");
    found.keys_.push_back(std::move(key));
  }
  if (found.keys_.empty()) return fail(ErrorCode::kUnsupported, "key set: no key of P-256 for checking ES256");
  return found;
}

std::string PublicKeys::to_json() const {
  std::string text;
  for (const PublicKey& key : keys_) text += (text.empty() ? "" : ",") + key.to_json();
  return "{\"keys\":[" + text + "]}";
}

const PublicKey* PublicKeys::find(std::string_view id) const& {
  const auto found = std::find_if(keys_.begin(), keys_.end(), [&](const PublicKey& key) { return key.id() == id; });
  return found == keys_.end() ? nullptr : &*found;
}

}  // namespace imakeep::ear
