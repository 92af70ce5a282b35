// SPDX-License-Identifier: Apache-2.0
// authoring/examine_policy.h - answers questions about policies in files: as text for people, and as JSON.
// Threads: no shared state.
#pragma once

#include <optional>
#include <string>

#include "base/result.h"
#include "policy/policy.h"

namespace imakeep::authoring {

// `good`: the policies are equal; nothing is wrong; the name or digest is accepted.
struct Answer {
  bool good = false;
  std::string text;  // with a line feed at its end
};

Result<Answer> diff_policies(const std::string& before, const std::string& after, bool json);
// `keys`: a file, for policies that must be signed.
Result<Answer> check_policy(const std::string& policy, const std::optional<std::string>& keys, bool json);
Result<Answer> explain_policy(const std::string& policy, policy::Mode mode, const std::string& what, bool json);

}  // namespace imakeep::authoring
