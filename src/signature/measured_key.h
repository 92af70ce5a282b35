// SPDX-License-Identifier: Apache-2.0
// signature/measured_key.h - the key in a buffer that Linux measured when somebody added the key to a keyring.
//
// A keyring of asymmetric keys takes certificates in DER. Keylime also takes PEM and private keys, of which it uses the
// public part; so does this library, so that both find the same keys.
// Source: ima_post_key_create_or_update() in the kernel's ima/ima_asymmetric_keys.c. Threads: no shared state.
#pragma once

#include <optional>

#include "signature/key.h"

namespace imakeep::signature {

// A certificate has some kilobytes.
inline constexpr std::size_t kMaxMeasuredKeyBytes = 64u << 10;

// Tries, in this order: certificate, public key, private key without a passphrase; each in DER that fills the buffer,
// or in PEM. Empty if the buffer is none of them, or larger than kMaxMeasuredKeyBytes. The key may be of a kind that
// cannot check signatures: Key::can_check().
std::optional<Key> key_in_buffer(ByteView buffer);

}  // namespace imakeep::signature
