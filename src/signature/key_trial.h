// SPDX-License-Identifier: Apache-2.0
// signature/key_trial.h - tries keys of the right name, one after the other, on a signature.
//
// What header signatures and module signatures have in common once the signed digest and the candidate keys are known.
// Threads: no shared state.
#pragma once

#include "signature/check.h"

namespace imakeep::signature {

// `check` has its algorithm and wanted_key. Sets the rest from the keys. Several keys have one name if key ids collide:
// the first that verifies wins.
void try_keys(SignatureCheck& check, const std::vector<KeyringEntry>& keys, ByteView digest, ByteView signature,
              const CheckOptions& options);

}  // namespace imakeep::signature
