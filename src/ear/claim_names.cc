// SPDX-License-Identifier: Apache-2.0
#include "ear/claim_names.h"

namespace imakeep::ear {

const ClaimNames& claim_names(Profile profile) {
  static const ClaimNames kVeraison = {.verifier = "ear.verifier-id",
                                       .raw_evidence = "ear.raw-evidence",
                                       .status = "ear.status",
                                       .vector = "ear.trustworthiness-vector",
                                       .policy = "ear.appraisal-policy-id",
                                       .proof = "ear.imakeep.proof"};
  static const ClaimNames kIetf = {.verifier = "ear_verifier_id",
                                   .raw_evidence = "ear_raw_evidence",
                                   .status = "ear_status",
                                   .vector = "ear_trustworthiness_vector",
                                   .policy = "ear_appraisal_policy_ids",
                                   .proof = "ear_imakeep_proof"};
  return profile == Profile::kVeraison ? kVeraison : kIetf;
}

}  // namespace imakeep::ear
