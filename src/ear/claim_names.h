// SPDX-License-Identifier: Apache-2.0
// ear/claim_names.h - the names of the claims that differ between the profiles. Internal to src/ear.
// Threads: constants.
#pragma once

#include <string>

#include "ear/ear.h"

namespace imakeep::ear {

struct ClaimNames {
  std::string verifier;
  std::string raw_evidence;
  std::string status;
  std::string vector;
  std::string policy;
  std::string proof;
};

const ClaimNames& claim_names(Profile profile);

}  // namespace imakeep::ear
