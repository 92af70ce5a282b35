// SPDX-License-Identifier: Apache-2.0
// policy/superset.h - reads the member "imakeep" of a policy. Internal to src/policy. Threads: no shared state.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "base/result.h"
#include "policy/policy.h"

namespace imakeep::policy {

// In mode strict, the algorithm of a digest is the one of these whose digests have its length.
extern const std::vector<digest::Algorithm> kDefaultAlgorithms;

// Counts and checks the patterns of a policy.
class PatternCheck {
 public:
  explicit PatternCheck(const Limits& limits) : limits_(limits) {}
  // Its error begins with `pointer`.
  Result<void> add(std::string_view pattern, const std::string& pointer, Mode mode);

 private:
  const Limits& limits_;
  std::size_t patterns_ = 0;
};

// Takes the names and digests of the policy, whichever member they stand in.
class DigestIntake {
 public:
  explicit DigestIntake(Policy& policy) : policy_(policy) {}

  // A new entry of `name_table`.
  std::uint32_t add_name(DigestMap map, std::string_view name);
  // Accepts the digest for the last name. Its error is "REASON; REMEDY" without a pointer.
  Result<void> add_digest(std::string_view hex, std::uint8_t rule = 0);
  // Puts the digest into the pool. Its error is "REASON; REMEDY" without a pointer. Nothing if no file can have such a
  // digest: its number of digits is odd.
  Result<std::optional<Policy::DigestRef>> pool(std::string_view hex);

 private:
  Policy& policy_;
};

// Checks in mode strict that each of the first `entry_count` entries has the length of an accepted algorithm. The
// entries must be those of the maps of the policy itself.
Result<void> check_lengths(const Policy& policy, std::size_t entry_count);

// Reads `object`, the value of the member "imakeep", into `policy`. Its errors begin with a pointer from `pointer` on.
Result<void> read_superset(const nlohmann::json& object, const std::string& pointer, Policy& policy,
                           PatternCheck& patterns);

}  // namespace imakeep::policy
