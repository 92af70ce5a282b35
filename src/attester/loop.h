// SPDX-License-Identifier: Apache-2.0
// attester/loop.h - when a host attests again.
//
// After a verdict: when the verdict says; the verifier varies that time, so that hosts do not come at once. If the
// verifier cannot answer now: when it says. After a refusal or an error, such as a verifier that cannot be reached: 1 s
// later, then each time twice as long, up to 5 min. The loop never gives up by itself: the archive keeps the records
// meanwhile.
// Threads: one thread at a time uses an object.
#pragma once

#include "attester/session.h"

namespace imakeep::attester {

inline constexpr std::int64_t kLeastBackOffMs = 1000;
inline constexpr std::int64_t kMostBackOffMs = 300'000;
// No verifier's word makes a host come more often, or stay away for longer.
inline constexpr std::int64_t kLeastIntervalMs = 1000;
inline constexpr std::int64_t kMostIntervalMs = std::int64_t{24} * 3600 * 1000;

class Loop {
 public:
  using Attest = std::function<Result<Attestation>()>;
  // Hears each outcome, and the time until the next attestation. False ends the loop.
  using Heard = std::function<bool(const Result<Attestation>&, std::int64_t pause_ms)>;

  // Keeps a reference to `clock`.
  explicit Loop(Clock& clock) : clock_(clock) {}

  // Returns once `heard` returns false.
  void run(const Attest& attest, const Heard& heard);

  // The time until the next attestation after this outcome. Remembers how often in a row it failed.
  std::int64_t pause_ms(const Result<Attestation>& outcome);

 private:
  Clock& clock_;
  std::int64_t back_off_ms_ = kLeastBackOffMs;
};

}  // namespace imakeep::attester
