// SPDX-License-Identifier: Apache-2.0
// verifier/ak_cache.h - the attestation keys of hosts, ready to check signatures. To decode a key takes a quarter of
// the time that its signature's check takes.
// Threads: safe from any thread.
#pragma once

#include <mutex>
#include <string>
#include <unordered_map>

#include "attest/quote_check.h"

namespace imakeep::verifier {

class AkCache {
 public:
  // `most`: keys in memory, of about 2 KiB each.
  explicit AkCache(std::size_t most = 20'000) : most_(most) {}

  // The key of a TPM2B_PUBLIC. Errors: those of VerificationKey::parse().
  Result<attest::VerificationKey> get(ByteView public_area);

 private:
  const std::size_t most_;
  std::mutex mutex_;
  std::unordered_map<std::string, attest::VerificationKey> known_;  // by public area
};

}  // namespace imakeep::verifier
