// SPDX-License-Identifier: Apache-2.0
// tpm/esys/key_templates.h - the public areas by which a TPM makes keys.
//
// A primary key follows from its template: the same TPM makes the same key again. So these never change. Source: TCG EK
// Credential Profile for TPM Family 2.0, annex B.3 (templates L-1 and L-2); TCG TPM v2.0 Provisioning Guidance,
// section 7.5.1 (storage keys).
// Threads: no shared state.
#pragma once

#include <tss2/tss2_tpm2_types.h>

#include "tpm/attestation_tpm.h"

namespace imakeep::tpm {

// L-1 for RSA 2048, L-2 for P-256. Their policy asks for the authorization of the endorsement hierarchy.
TPM2B_PUBLIC ek_template(EkKind kind);
// A storage key with an empty password. REQUIRES: not kPersistent.
TPM2B_PUBLIC storage_template(KeyParent parent);
// A restricted signing key with an empty password: ECDSA P-256 or RSASSA 2048, with SHA-256.
TPM2B_PUBLIC ak_template(bool ecc);

}  // namespace imakeep::tpm
