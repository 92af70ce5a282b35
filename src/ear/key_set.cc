// SPDX-License-Identifier: Apache-2.0
#include "ear/key_set.h"

#include <algorithm>

#include "ear/claims.h"
#include "ear/token.h"

namespace imakeep::ear {

KeySet::KeySet(SigningKey current, std::int64_t lifetime_s, std::vector<OldKey> old)
    : current_(std::move(current)), lifetime_s_(lifetime_s), old_(std::move(old)) {}

void KeySet::announce(SigningKey next) {
  next_ = std::move(next);
}

Result<void> KeySet::rotate(std::int64_t now_s) {
  if (!next_) return fail(ErrorCode::kUsage, "no next signing key is announced; announce one first");
  if (next_->id() == current_.id()) return fail(ErrorCode::kUsage, "the announced key is the one that signs already");
  old_.push_back({.key = current_.public_key(), .until_s = now_s + lifetime_s_ + kClockSkewSeconds});
  current_ = std::move(*next_);
  next_.reset();
  return {};
}

PublicKeys KeySet::published(std::int64_t now_s) {
  std::erase_if(old_, [&](const OldKey& old) { return old.until_s <= now_s; });
  std::vector<PublicKey> keys = {current_.public_key()};
  const auto add = [&](const PublicKey& key) {
    const bool there = std::any_of(keys.begin(), keys.end(), [&](const PublicKey& k) { return k.id() == key.id(); });
    if (!there) keys.push_back(key);
  };
  if (next_) add(next_->public_key());
  for (const OldKey& old : old_) add(old.key);
  return PublicKeys(std::move(keys));
}

Result<std::string> KeySet::sign(const Ear& ear, Profile profile) const {
  if (!ear.expires_at_s) return fail(ErrorCode::kUsage, "an attestation result that is signed must expire");
  if (*ear.expires_at_s - ear.issued_at_s > lifetime_s_) {
    return fail(ErrorCode::kUsage,
                "the token would live longer than the " + std::to_string(lifetime_s_) + " s that its key allows");
  }
  IMAKEEP_TRY(const std::string claims, make_claims(ear, profile));
  IMAKEEP_TRY(std::string token, current_.sign(claims));
  if (token.size() > kMostTokenBytes) {
    return fail(ErrorCode::kUnsupported, "the token has more than " + std::to_string(kMostTokenBytes) + " bytes");
  }
  return token;
}

}  // namespace imakeep::ear
