// SPDX-License-Identifier: Apache-2.0
// reference/explain.h - says what a policy holds about a name or a digest: which member, which package, which rule.
// Threads: no shared state.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "policy/compiled_policy.h"

namespace imakeep::reference {

// One thing that the policy says. `place` is a JSON pointer, or a member.
struct Statement {
  std::string place;
  std::string text;
};

struct Explanation {
  bool accepted = false;  // a name: some content of it is accepted; a digest: a file with it is accepted somewhere
  std::string verdict;    // one sentence
  std::vector<Statement> statements;
};

// True for 40 to 128 hexadecimal digits.
bool is_digest(std::string_view text);

// `what` is a name, or a digest with or without "ALG:" before it.
Explanation explain(const policy::CompiledPolicy& policy, const policy::Policy& source, std::string_view what);

std::string explanation_text(const Explanation& explanation);
nlohmann::ordered_json explanation_json(const Explanation& explanation);

}  // namespace imakeep::reference
