// SPDX-License-Identifier: Apache-2.0
// verifieradmin/tables.h - answers of a verifier's administration as text for people.
// Threads: no shared state.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace imakeep::verifieradmin {

enum class View : std::uint8_t {
  kTenants,
  kHosts,
  kHost,
  kPolicies,
  kPolicy,
  kPolicyList,
  kFindings,
  kHistory,
  kTokens,
  kNewToken,
  kRotated,
  kDone,  // an answer that says no more than that it is done
};

// Lines that end with a line feed; what a verifier sends is printable() there. Times are UTC. kMalformed if the text is
// no such answer.
Result<std::string> text_of(View view, std::string_view json);

// The answer as indented JSON, with a line feed at its end. kMalformed if it is not JSON.
Result<std::string> indented(std::string_view json);

}  // namespace imakeep::verifieradmin
