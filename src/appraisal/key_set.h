// SPDX-License-Identifier: Apache-2.0
// appraisal/key_set.h - all keys that may sign files of one chain: those of the policy, of the caller, and learned
// ones.
//
// Keys of the policy's "verification-keys" are in the keyring "tenant_keyring", as in Keylime.
// Threads: one thread at a time changes an object; const use is safe from any thread while nobody changes it.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "policy/policy.h"
#include "signature/keyrings.h"

namespace imakeep::appraisal {

inline constexpr std::string_view kPolicyKeyring = "tenant_keyring";

class KeySet {
 public:
  // kMalformed for a key of the policy that is no public key: the message has its index.
  static Result<KeySet> make(const policy::Rules* rules, const signature::Keyrings* given);

  // Errors: those of Keyrings::add().
  Result<void> add(std::string_view keyring, const signature::Key& key);

  bool empty() const { return keys_.empty(); }
  const signature::Keyrings& all() const { return all_; }
  // nullptr if no such keyring has a key.
  const signature::Keyrings* keyring(std::string_view name) const;
  // Keylime's look-up: only the first key that was added with this id. Empty keyrings if none has it.
  signature::Keyrings first_with(std::uint32_t key_id) const;

 private:
  struct Named {
    std::string keyring;
    std::uint32_t key_id = 0;
    signature::Key key;
  };
  Result<void> add_named(std::string_view keyring, const signature::Key& key, std::uint32_t key_id);

  std::vector<Named> keys_;  // in the order in which they were added
  signature::Keyrings all_;
  std::map<std::string, signature::Keyrings, std::less<>> keyrings_;
};

}  // namespace imakeep::appraisal
