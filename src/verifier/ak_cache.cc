// SPDX-License-Identifier: Apache-2.0
#include "verifier/ak_cache.h"

namespace imakeep::verifier {

Result<attest::VerificationKey> AkCache::get(ByteView public_area) {
  std::string name(as_text(public_area));
  {
    const std::lock_guard lock(mutex_);
    if (const auto found = known_.find(name); found != known_.end()) return found->second;
  }
  IMAKEEP_TRY(const auto& keys, attest::VerificationKey::parse(public_area));
  const std::lock_guard lock(mutex_);
  // All are forgotten at once: decoding them again is cheaper than to remember which was used when.
  if (known_.size() >= most_) known_.clear();
  known_.emplace(std::move(name), keys.front());
  return keys.front();
}

}  // namespace imakeep::verifier
