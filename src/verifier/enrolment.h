// SPDX-License-Identifier: Apache-2.0
// verifier/enrolment.h - makes a host known: it shows its TPM, and proves that its attestation key is in that TPM.
//
// The host names its endorsement key (EK) and its attestation key (AK). The verifier encrypts a secret to the EK for
// the AK's Name (MakeCredential). Only a TPM that holds both can open it (TPM2_ActivateCredential). An AK certificate
// of a cloud's TPM shows the same, and then no secret is needed; it is asked for all the same. A person has to approve
// the host if the operator wants it so. Source: TPM 2.0 Library, part 1, section 24. Threads: no state of its own.
#pragma once

#include "enrol/certificate.h"
#include "enrol/ek_pins.h"
#include "evidence/enrolment.h"
#include "verifier/attestation.h"

namespace imakeep::verifier {

// By what an operator knows TPMs.
struct Trust {
  enrol::TrustStore certificates;
  enrol::EkPins pins;
  bool any_tpm = false;        // an EK that nothing vouches for does too; for trials
  bool token_required = true;  // a host has to show an enrolment token
  bool approval_required = false;
  bool check_dates = true;  // of certificates
};

// Begins an enrolment: checks the keys, keeps the host as pending, and returns the credential.
Judged<evidence::EnrolmentCredential> begin_enrolment(const Judge& judge, const Trust& trust,
                                                      const evidence::EnrolmentRequest& request,
                                                      std::int64_t now_unix_s);
// Completes it if the secret is right.
Judged<evidence::EnrolmentStatus> complete_enrolment(const Judge& judge, const Trust& trust,
                                                     const evidence::EnrolmentProof& proof, std::int64_t now_unix_s);

// SHA-256 of a token, as the store keeps it.
Bytes token_hash(std::string_view token);

}  // namespace imakeep::verifier
