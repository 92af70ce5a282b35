// SPDX-License-Identifier: Apache-2.0
// policy/patterns.h - lists of patterns that names are matched against, with a bound on the cost of a match.
//
// Mode strict: RE2, and a pattern matches a whole name. The time of a match grows with the length of the name, whatever
// the pattern is. Many patterns are matched as one set. Mode keylime: PCRE2, and a pattern matches at the start of a
// name, as re.match() of Python does. A match that needs too many steps is given up.
//
// Threads: several threads may use one object at once.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "policy/policy.h"

namespace imakeep::policy {

// Bounds of one pattern. docs/reference/policy.md names them.
inline constexpr std::size_t kMostProgramSteps = 5'000;     // mode strict: instructions of RE2
inline constexpr std::size_t kMostCompiledBytes = 100'000;  // mode keylime: size of the compiled pattern
inline constexpr std::uint32_t kMostMatchSteps = 100'000;   // mode keylime: of one pattern and one name

// Checks one pattern. The message has reason and remedy and quotes the pattern. Errors: kMalformed for a pattern with a
// wrong syntax; kUnsupported for one that this mode cannot express, or that is too long or too costly.
Result<void> check_pattern(std::string_view pattern, Mode mode, const Limits& limits = {});

class Patterns {
 public:
  struct Match {
    std::optional<std::size_t> index;  // a pattern that matches; in mode keylime the first one
    bool given_up = false;             // a pattern needed too many steps, and none of the others matched

    explicit operator bool() const { return index.has_value(); }
  };

  Patterns();  // no pattern: nothing matches
  ~Patterns();
  Patterns(Patterns&&) noexcept;
  Patterns& operator=(Patterns&&) noexcept;

  // REQUIRES: check_pattern() accepts each pattern. kUnsupported if memory for them runs out.
  static Result<Patterns> compile(const std::vector<std::string>& patterns, Mode mode);

  Match match(std::string_view name) const;

 private:
  struct Compiled;
  std::unique_ptr<const Compiled> compiled_;
};

}  // namespace imakeep::policy
