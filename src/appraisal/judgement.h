// SPDX-License-Identifier: Apache-2.0
// appraisal/judgement.h - what the rules about one kind of record decide, and what they decide it by.
//
// Internal to src/appraisal. Threads: plain values; a Grounds is used by one thread at a time.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "appraisal/boot_digests.h"
#include "appraisal/key_set.h"
#include "appraisal/learned_keys.h"
#include "appraisal/reason.h"
#include "policy/compiled_policy.h"
#include "signature/check.h"

namespace imakeep::appraisal {

struct Judgement {
  std::optional<Rule> accepted;
  std::vector<Reason> reasons;                   // empty if accepted
  std::vector<policy::KnownDigestView> nearest;  // borrowed from the policy
  std::string detail;

  static Judgement accept(Rule rule) { return {.accepted = rule}; }
  static Judgement refuse(Reason reason, std::string detail = {}) {
    return {.reasons = {reason}, .detail = std::move(detail)};
  }
};

// The policy, the keys and the values by which the records of one chain are judged. All are borrowed.
struct Grounds {
  const policy::CompiledPolicy* policy = nullptr;
  KeySet& keys;
  LearnedKeys& learned;
  const BootDigests& boot;
  const signature::CheckOptions& dates;
  bool violations_fail = false;  // mode keylime only
};

// Adds the key that a record shows to both. False if that exceeds a limit.
bool learn_key(const Grounds& by, std::uint64_t record, std::string_view keyring, ByteView buffer,
               const signature::Key& key);

}  // namespace imakeep::appraisal
