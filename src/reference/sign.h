// SPDX-License-Identifier: Apache-2.0
// reference/sign.h - signs a policy: puts it into a DSSE envelope, or adds a signature to the one it is in.
//
// The signature is ECDSA over SHA-256 in DER. The key id is SHA-256 over the PEM of the public key, in hexadecimal.
// Keylime makes and reads both in the same way. Source: keylime/dsse at Keylime's commit 9b1f6e6a; DSSE protocol 1.0.
// Threads: no shared state.
#pragma once

#include <string>

#include "base/bytes.h"
#include "base/result.h"

namespace imakeep::reference {

// Returns the text of the envelope. `private_key` is PEM of an EC key on P-256, P-384 or P-521, not encrypted. Errors:
// those of policy::parse_policy() for a policy that is not good in either mode; kMalformed for another key file;
// kUnsupported for a key of another kind, and if the envelope has as many signatures as are allowed.
Result<std::string> sign_policy(ByteView policy, ByteView private_key);

}  // namespace imakeep::reference
