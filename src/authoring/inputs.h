// SPDX-License-Identifier: Apache-2.0
// authoring/inputs.h - reads the files that a policy is made from or examined with. Every error names the file.
// Threads: no shared state.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "policy/policy.h"
#include "reference/document.h"

namespace imakeep::authoring {

Result<Bytes> read_policy_file(const std::string& path);
Result<reference::Document> read_policy(const std::string& path);
// No keys if no file is given.
Result<std::vector<policy::PolicyKey>> read_policy_keys(const std::optional<std::string>& path);

}  // namespace imakeep::authoring
