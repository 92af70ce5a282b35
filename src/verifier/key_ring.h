// SPDX-License-Identifier: Apache-2.0
// verifier/key_ring.h - the verifier's secret keys, which all its processes share through the store.
//
// A key that another process added is found when it is needed, since the ring reads the store again for a key that it
// does not know, and in any case once a minute. The newest key that counts is used; older ones are still accepted until
// they retire. Threads: safe from any thread.
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "ear/key_set.h"
#include "evidence/nonce.h"
#include "verifier/settings.h"
#include "vstore/store.h"

namespace imakeep::verifier {

class KeyRing {
 public:
  KeyRing(vstore::Store& store, Random random) : store_(store), random_(std::move(random)) {}

  // Makes the first key of each kind if the store has none. Several processes may do so at once: then each finds a key.
  Result<void> begin(std::int64_t now_unix_s);
  // Adds a key of each kind, which is used from now on. The keys before retire after `overlap_s`.
  Result<void> rotate(std::int64_t now_unix_s, std::int64_t overlap_s);

  Result<evidence::NonceKey> nonce_key(std::int64_t now_unix_s);
  // Keys by which a nonce with this key id may have been made.
  Result<std::vector<evidence::NonceKey>> nonce_keys(std::uint32_t id, std::int64_t now_unix_s);
  Result<ear::SigningKey> result_key(std::int64_t now_unix_s);
  // The JSON Web Key Set of all keys whose results may still be valid.
  Result<std::string> published(std::int64_t now_unix_s);

 private:
  struct Keys {
    std::int64_t read_unix_s = 0;
    std::vector<evidence::NonceKey> nonce;  // the newest first
    std::vector<ear::SigningKey> result;    // the newest first
  };
  Result<std::shared_ptr<const Keys>> keys(std::int64_t now_unix_s, bool again = false);
  Result<vstore::KeyRow> make(vstore::KeyKind kind, std::uint32_t id, std::int64_t now_unix_s);

  vstore::Store& store_;
  const Random random_;
  std::mutex mutex_;
  std::shared_ptr<const Keys> known_;
};

}  // namespace imakeep::verifier
