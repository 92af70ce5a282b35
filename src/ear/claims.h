// SPDX-License-Identifier: Apache-2.0
// ear/claims.h - the claims of an attestation result as JSON, in both profiles.
//
// docs/formats/ear.md lists every claim. A reader ignores unknown claims, except within the verifier's id and the
// trustworthiness vector, where they are an error. Threads: no shared state.
#pragma once

#include "ear/ear.h"

namespace imakeep::ear {

// The JSON of the claims, without white space. Sets each appraisal's status from its vector. Cuts findings and their
// texts to the limits of ear.h, and shows paths by printable(), since they may hold any byte. kUsage if the result
// breaks a rule of ear.h or of the profile: no appraisal, a name twice, a nonce of another length, an expiry before the
// issue, a proof that failed but has `n`.
Result<std::string> make_claims(const Ear& ear, Profile profile);

// kMalformed if a claim is missing, unknown where that is an error, or has another type; if a status promises more than
// its vector. kMismatch if the claims are of another profile. The message names the claim.
Result<Ear> read_claims(std::string_view json, Profile profile);

}  // namespace imakeep::ear
