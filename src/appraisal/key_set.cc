// SPDX-License-Identifier: Apache-2.0
#include "appraisal/key_set.h"

#include <algorithm>

namespace imakeep::appraisal {

Result<KeySet> KeySet::make(const policy::Rules* rules, const signature::Keyrings* given) {
  KeySet set;
  const std::size_t file_keys = rules == nullptr ? 0 : rules->file_keys.size();
  for (std::size_t i = 0; i < file_keys; ++i) {
    const policy::FileKey& file_key = rules->file_keys[i];
    const auto keys = signature::Key::parse(file_key.public_key);
    if (!keys) {
      return fail(ErrorCode::kMalformed, "/verification-keys: key " + std::to_string(i) + ": " + keys.error().message +
                                             "; write the base64 of a SubjectPublicKeyInfo");
    }
    // The list states the id that signatures have. It differs from the key's own if that came from a certificate.
    IMAKEEP_CHECK(set.add_named(kPolicyKeyring, keys->front(), file_key.key_id));
  }
  if (given == nullptr) return set;
  for (const signature::KeyringEntry& entry : given->all()) IMAKEEP_CHECK(set.add(entry.keyring, *entry.key));
  return set;
}

Result<void> KeySet::add(std::string_view keyring, const signature::Key& key) {
  return add_named(keyring, key, key.id());
}

Result<void> KeySet::add_named(std::string_view keyring, const signature::Key& key, std::uint32_t key_id) {
  IMAKEEP_TRY(const bool is_new, all_.add(keyring, key, key_id));
  if (!is_new) return {};
  IMAKEEP_CHECK(keyrings_[std::string(keyring)].add(keyring, key, key_id));
  keys_.push_back({.keyring = std::string(keyring), .key_id = key_id, .key = key});
  return {};
}

const signature::Keyrings* KeySet::keyring(std::string_view name) const {
  const auto found = keyrings_.find(name);
  return found == keyrings_.end() ? nullptr : &found->second;
}

signature::Keyrings KeySet::first_with(std::uint32_t key_id) const {
  signature::Keyrings one;
  const auto first = std::ranges::find(keys_, key_id, &Named::key_id);
  // The key is in all_, so its name and number are within the limits.
  if (first != keys_.end()) static_cast<void>(one.add(first->keyring, first->key, key_id));
  return one;
}

}  // namespace imakeep::appraisal
