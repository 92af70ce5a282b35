// SPDX-License-Identifier: Apache-2.0
// reference/lint.h - examines a policy: what is wrong with it, and what probably does something other than its author
// meant.
//
// Each remark names its place by a JSON pointer. Threads: no shared state.
#pragma once

#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "reference/document.h"

namespace imakeep::reference {

enum class Severity : std::uint8_t {
  kError,    // one of the two modes refuses the policy
  kWarning,  // a rule does nothing, or more or less than it seems to
  kNote,
};

struct Remark {
  Severity severity = Severity::kNote;
  std::string id;  // stable: "exclude-open-end"
  std::string pointer;
  std::string text;
};

struct Lint {
  std::vector<Remark> remarks;  // errors first
  std::uint64_t names = 0;
  std::uint64_t digests = 0;
  std::uint64_t packages = 0;
  std::uint64_t patterns = 0;

  std::uint64_t count(Severity severity) const;
  bool good() const { return count(Severity::kError) == 0 && count(Severity::kWarning) == 0; }
};

// `keys` as for policy::parse_policy(). If no mode accepts the policy, its errors are all that is found. An exclude
// that covers less in mode strict than Keylime lets it cover is a warning; the names of the policy tell which names it
// would no longer cover.
Lint lint_policy(ByteView file, const std::vector<policy::PolicyKey>& keys = {});

// "warning: POINTER: TEXT [ID]", one a line, and a last line with counts.
std::string lint_text(const Lint& lint);
nlohmann::ordered_json lint_json(const Lint& lint);

}  // namespace imakeep::reference
