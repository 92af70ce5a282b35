// SPDX-License-Identifier: Apache-2.0
// enrol/ak_check.h - whether a public area is that of a key that attests for its TPM and for nothing else.
//
// A TPM signs only its own statements with such a key, and nobody outside the TPM has ever had the private part.
// That holds only if the key is in a TPM at all, which a credential or a certificate shows (make_credential.h,
// certificate.h). Source: TPM 2.0 Library, part 2, section 8.3 (attributes); part 1, section 16 (names) and 31 (keys).
// Threads: no shared state.
#pragma once

#include "base/bytes.h"
#include "base/result.h"

namespace imakeep::enrol {

struct AttestationKey {
  Bytes public_area;  // TPMT_PUBLIC
  Bytes name;         // the key's Name: TPM_ALG_ID of its name algorithm, big-endian, then the digest of the area
};

// `public_area` is a TPM2B_PUBLIC or a TPMT_PUBLIC. Errors of tpm::parse_public_key(), and
// "AK refused (REASON): ..." of code kUnsupported:
//   not-signing     the key does not sign
//   decrypts        it decrypts besides
//   not-restricted  it signs bytes from outside that look like a TPM's statement
//   not-fixed-tpm, not-fixed-parent    it can be moved to another TPM, so others may have it
//   imported        its private part was made outside of the TPM (sensitiveDataOrigin is not set)
//   weak-name       its name algorithm is weaker than sha256
//   scheme          it has no scheme of its own, or one that is not RSASSA, RSAPSS or ECDSA
//   weak-hash       its scheme's hash is weaker than sha256, or not supported
//   weak-key        RSA below 2048 bits, or a curve below P-256
//   exponent        RSA with another exponent than 65537
//   not-a-key       the numbers are no RSA key, or no point of the curve
Result<AttestationKey> check_ak(ByteView public_area);

}  // namespace imakeep::enrol
