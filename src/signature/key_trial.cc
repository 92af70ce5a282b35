// SPDX-License-Identifier: Apache-2.0
#include "signature/key_trial.h"

#include "signature/verify.h"

namespace imakeep::signature {
namespace {

Validity validity_of(const Key& key, std::optional<std::int64_t> now_unix_s) {
  if (!key.certificate() || !now_unix_s) return Validity::kNotAsked;
  if (*now_unix_s < key.certificate()->not_before_s) return Validity::kNotYetValid;
  return *now_unix_s > key.certificate()->not_after_s ? Validity::kExpired : Validity::kValid;
}

Signer signer_of(const KeyringEntry& entry, const CheckOptions& options) {
  return {.keyring = std::string(entry.keyring),
          .key_name = entry.key->name(),
          .subject = entry.key->certificate() ? entry.key->certificate()->subject : "",
          .key_fingerprint = entry.key->fingerprint(),
          .validity = validity_of(*entry.key, options.now_unix_s)};
}

bool outside(Validity validity) {
  return validity == Validity::kNotYetValid || validity == Validity::kExpired;
}

// One key's answer. kBadSignature is stronger than kNotCheckable: a key of the right kind did say no.
void try_key(SignatureCheck& check, const KeyringEntry& entry, ByteView digest, ByteView signature,
             const CheckOptions& options) {
  const auto answer = [&](Outcome outcome, Obstacle obstacle) {
    if (outcome == Outcome::kNotCheckable && check.outcome == Outcome::kBadSignature) return;
    check.outcome = outcome;
    check.obstacle = obstacle;
    check.signer = signer_of(entry, options);
  };
  if (entry.key->kind() == KeyKind::kMlDsa) return answer(Outcome::kNotCheckable, Obstacle::kMlDsa);
  if (!entry.key->can_check()) return answer(Outcome::kNotCheckable, Obstacle::kKeyKind);
  ++check.keys_tried;
  switch (verify(*entry.key, check.algorithm, digest, signature)) {
    case Verified::kHashUnknown:
      return answer(Outcome::kNotCheckable, Obstacle::kHashUnknown);
    case Verified::kNo:
      return answer(Outcome::kBadSignature, Obstacle::kNone);
    case Verified::kYes:
      break;
  }
  answer(Outcome::kVerified, Obstacle::kNone);
  if (options.require_validity && outside(check.signer->validity)) check.outcome = Outcome::kOutsideValidity;
}

}  // namespace

void try_keys(SignatureCheck& check, const std::vector<KeyringEntry>& keys, ByteView digest, ByteView signature,
              const CheckOptions& options) {
  check.outcome = Outcome::kNoSuchKey;
  check.obstacle = Obstacle::kNone;
  std::optional<SignatureCheck> outside_validity;
  for (const KeyringEntry& entry : keys) {
    try_key(check, entry, digest, signature, options);
    if (check.outcome == Outcome::kVerified) return;
    // Another certificate of the same key may be valid.
    if (check.outcome == Outcome::kOutsideValidity) outside_validity = check;
  }
  if (outside_validity) check = std::move(*outside_validity);
}

}  // namespace imakeep::signature
