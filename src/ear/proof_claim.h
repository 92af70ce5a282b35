// SPDX-License-Identifier: Apache-2.0
// ear/proof_claim.h - imakeep's own claim: what is proven of a measurement list. Internal to src/ear.
//
// Only .cc files include it, since it includes all of nlohmann-json. Threads: no shared state.
#pragma once

#include <nlohmann/json.hpp>

#include "ear/ear.h"

namespace imakeep::ear {

nlohmann::ordered_json made_proof(const Proof& proof);

// Ignores unknown members. kMalformed otherwise as read_claims(); `where` is the claim's place in messages.
Result<Proof> read_proof(const nlohmann::json& object, const std::string& where);

}  // namespace imakeep::ear
