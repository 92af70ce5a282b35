// SPDX-License-Identifier: Apache-2.0
// ear/test_support.h - an attestation result for tests. Threads: no shared state.
#pragma once

#include <string>

#include <gtest/gtest.h>

#include "ear/claims.h"

namespace imakeep::ear {

inline constexpr std::int64_t kTestNow = 1'800'000'000;

inline Proof sample_proof() {
  return {.chain = 3,
          .first = 120,
          .n = 130,
          .pcrs = {{.bank = "sha1", .pcr = 10, .value = Bytes(20, std::byte{0x11})},
                   {.bank = "sha256", .pcr = 1, .value = Bytes(32, std::byte{0xfb})},
                   {.bank = "sha256", .pcr = 10, .value = Bytes(32, std::byte{0x22})}},
          .reset_count = 7,
          .restart_count = 1,
          .clock_ms = 123456,
          .quote_digest = "sha256:" + std::string(64, 'a'),
          .policies = {{.id = "base", .digest = "sha256:" + std::string(64, 'b'), .from = 0, .to = 125},
                       {.id = "new", .digest = "sha256:" + std::string(64, 'c'), .from = 125, .to = 130}},
          .failed = 1,
          .findings = {{.index = 121, .path = "/opt/x", .reason = "unknown-file", .rule = "base/digests"}},
          .deletable = 100};
}

inline Ear sample_ear() {
  Appraisal appraisal = {.name = "imakeep", .policy_ids = {"base", "new"}, .proof = sample_proof()};
  appraisal.vector.set(Claim::kInstanceIdentity, 2);
  appraisal.vector.set(Claim::kExecutables, 33);
  appraisal.status = appraisal.vector.status();
  return {.issued_at_s = kTestNow,
          .expires_at_s = kTestNow + 300,
          .verifier = {.developer = "https://example.com", .build = "imakeep 0.1"},
          .nonce = "MDEyMzQ1Njc=",
          .appraisals = {std::move(appraisal)}};
}

// The claims of sample_ear() with `from` replaced by `to` once.
inline std::string edited(Profile profile, const std::string& from, const std::string& to) {
  std::string claims = *make_claims(sample_ear(), profile);
  const std::size_t at = claims.find(from);
  EXPECT_NE(at, std::string::npos) << from << " is not in " << claims;
  return at == std::string::npos ? claims : claims.replace(at, from.size(), to);
}

}  // namespace imakeep::ear
