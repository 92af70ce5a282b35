// SPDX-License-Identifier: Apache-2.0
#include "verifier/policy_cache.h"

#include <algorithm>

namespace imakeep::verifier {

Result<std::vector<logappraisal::LoadedPolicy>> PolicyCache::get(const std::vector<Bytes>& digests) {
  // One thread compiles a policy while the others wait, which is sooner than all of them compiling it.
  const std::lock_guard lock(mutex_);
  std::vector<logappraisal::LoadedPolicy> policies;
  for (const Bytes& digest : digests) {
    const std::string key(as_text(digest));
    auto found = known_.find(key);
    if (found == known_.end()) {
      IMAKEEP_TRY(auto policy, load(digest));
      found = known_.emplace(key, Entry{.policy = std::move(policy)}).first;
    }
    found->second.used = ++uses_;
    policies.push_back({.file = "sha256:" + to_hex(digest), .policy = found->second.policy});
  }
  while (known_.size() > most_) {
    known_.erase(std::ranges::min_element(known_, {}, [](const auto& entry) { return entry.second.used; }));
  }
  return policies;
}

Result<std::shared_ptr<const policy::CompiledPolicy>> PolicyCache::load(const Bytes& digest) {
  const std::string name = "policy sha256:" + to_hex(digest);
  IMAKEEP_TRY(const auto& text, store_.policy_text(digest));
  if (!text) return fail(ErrorCode::kMalformed, name + " is not in the database; add it again");
  const auto parsed = policy::parse_policy(*text, mode_);
  if (!parsed) return unexpected(named(parsed.error(), name));
  auto compiled = policy::CompiledPolicy::compile(*parsed);
  if (!compiled) return unexpected(named(compiled.error(), name));
  return std::make_shared<const policy::CompiledPolicy>(std::move(*compiled));
}

}  // namespace imakeep::verifier
