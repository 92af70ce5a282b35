// SPDX-License-Identifier: Apache-2.0
// verifier/policy_cache.h - compiled policies, each once for all hosts and threads of the process.
// Threads: safe from any thread.
#pragma once

#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "logappraisal/inputs.h"
#include "vstore/store.h"

namespace imakeep::verifier {

class PolicyCache {
 public:
  // `most`: so many policies stay in memory that no request uses.
  PolicyCache(vstore::Store& store, policy::Mode mode, std::size_t most = 64)
      : store_(store), mode_(mode), most_(most) {}

  // The policies with these SHA-256 digests, in this order. kMalformed if the store lacks one or it cannot be read;
  // besides, the errors of the store.
  Result<std::vector<logappraisal::LoadedPolicy>> get(const std::vector<Bytes>& digests);

 private:
  struct Entry {
    std::shared_ptr<const policy::CompiledPolicy> policy;
    std::uint64_t used = 0;
  };
  Result<std::shared_ptr<const policy::CompiledPolicy>> load(const Bytes& digest);

  vstore::Store& store_;
  const policy::Mode mode_;
  const std::size_t most_;
  std::mutex mutex_;
  std::map<std::string, Entry> known_;  // by digest
  std::uint64_t uses_ = 0;
};

}  // namespace imakeep::verifier
