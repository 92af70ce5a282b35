// SPDX-License-Identifier: Apache-2.0
#include "attester/loop.h"

#include <algorithm>

namespace imakeep::attester {
namespace {

std::int64_t interval_ms(std::uint64_t seconds) {
  const auto most_s = static_cast<std::uint64_t>(kMostIntervalMs / 1000);
  return std::max(kLeastIntervalMs, static_cast<std::int64_t>(std::min(seconds, most_s)) * 1000);
}

}  // namespace

std::int64_t Loop::pause_ms(const Result<Attestation>& outcome) {
  if (outcome) {
    if (const auto* const attested = std::get_if<Attested>(&*outcome)) {
      back_off_ms_ = kLeastBackOffMs;
      return interval_ms(attested->interval_s);
    }
    if (const auto* const later = std::get_if<Later>(&*outcome)) {
      return interval_ms(static_cast<std::uint64_t>(std::max<std::int64_t>(0, later->after.count())));
    }
  }
  const std::int64_t pause = back_off_ms_;
  back_off_ms_ = std::min(back_off_ms_ * 2, kMostBackOffMs);
  return pause;
}

void Loop::run(const Attest& attest, const Heard& heard) {
  for (;;) {
    const auto outcome = attest();
    const std::int64_t pause = pause_ms(outcome);
    if (!heard(outcome, pause)) return;
    clock_.sleep_ms(pause);
  }
}

}  // namespace imakeep::attester
