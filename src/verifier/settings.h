// SPDX-License-Identifier: Apache-2.0
// verifier/settings.h - what an operator decides about a verifier.
// Threads: plain values.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "digest/algorithm.h"
#include "ear/ear.h"
#include "policy/policy.h"

namespace imakeep::verifier {

struct Settings {
  std::string default_tenant = "default";  // of hosts that name none
  std::string build = "imakeep";           // of the verifier, in results
  // Banks that a quote may cover, the preferred ones first. A chain keeps the bank that it began with.
  std::vector<digest::Algorithm> banks{digest::Algorithm::kSha256, digest::Algorithm::kSha384,
                                       digest::Algorithm::kSha512, digest::Algorithm::kSm3_256};
  // PCRs of every quote: those of the boot aggregate, and IMA's. PCRs that records name besides are added.
  std::uint32_t pcrs = 0x7ff;
  std::uint64_t most_records = 1'000'000;               // of one request
  std::uint64_t most_bytes = std::uint64_t{256} << 20;  // of the records of one request, expanded
  // Of one verdict for a host whose records are retained. N ends before the record that does not fit, and the host
  // attests again at once.
  std::uint64_t most_retained_bytes = std::uint64_t{16} << 20;
  std::uint64_t nonce_lifetime_s = 300;
  // A long increment, in parts (docs/formats/evidence.md): all parts have to arrive within this time after the
  // challenge, the first one within the nonce's lifetime.
  std::uint64_t upload_lifetime_s = 3600;
  std::uint64_t most_upload_records = 100'000'000;  // of all parts together
  std::uint64_t interval_s = 60;                    // between two attestations of a host
  double jitter = 0.2;  // the interval varies by this share, so that hosts do not come at once
  std::uint64_t enrolment_lifetime_s = 300;
  policy::Mode mode = policy::Mode::kStrict;
  ear::Profile profile = ear::Profile::kVeraison;
  std::uint64_t result_lifetime_s = 300;  // of a result, beyond the interval
  bool findings_hold_back = false;        // N ends before the first record that a policy refuses
  std::string default_policies = {};      // list of policies of a new host; empty: none
};

// Fills the room with bytes that nobody can predict.
using Random = std::function<void(std::span<std::byte> room)>;

}  // namespace imakeep::verifier
