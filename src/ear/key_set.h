// SPDX-License-Identifier: Apache-2.0
// ear/key_set.h - the signing keys of a verifier over time.
//
// One key signs. The next key is published before it signs, so that relying parties which keep a copy of the key set
// know it in time. A key that no longer signs stays published until the last token that it can have signed has expired:
// `lifetime_s` plus kClockSkew after the change. Times are arguments.
// Threads: one thread at a time.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "ear/ear.h"
#include "ear/public_keys.h"
#include "ear/signing_key.h"

namespace imakeep::ear {

// So much may the clocks of verifier and relying party differ.
inline constexpr std::int64_t kClockSkewSeconds = 60;

class KeySet {
 public:
  // A key that no longer signs.
  struct OldKey {
    PublicKey key;
    std::int64_t until_s;  // published up to this time
  };

  // `lifetime_s`: no token of this set expires later than so many seconds after it was issued. `old` are keys of
  // earlier runs, as old_keys() gave them.
  KeySet(SigningKey current, std::int64_t lifetime_s, std::vector<OldKey> old = {});

  const SigningKey& current() const { return current_; }
  const std::vector<OldKey>& old_keys() const { return old_; }

  // Publishes the key that rotate() will take. Replaces one that was announced before.
  void announce(SigningKey next);
  // The announced key signs from now on. kUsage if none is announced.
  Result<void> rotate(std::int64_t now_s);
  // What to publish. Forgets old keys whose time is over.
  PublicKeys published(std::int64_t now_s);

  // The signed token of these claims. kUsage: as make_claims(); no expiry, or one later than the lifetime allows;
  // kUnsupported: larger than what verify_token() takes.
  Result<std::string> sign(const Ear& ear, Profile profile) const;

 private:
  SigningKey current_;
  std::optional<SigningKey> next_;
  std::int64_t lifetime_s_;
  std::vector<OldKey> old_;
};

}  // namespace imakeep::ear
