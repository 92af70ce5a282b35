// SPDX-License-Identifier: Apache-2.0
// signature/verify.h - one signature over one digest by one key: RSA PKCS#1 v1.5 or ECDSA in DER.
//
// Source: RFC 8017, 8.2.2 (RSASSA-PKCS1-v1_5); FIPS 186-4 and RFC 3279, 2.2.3 (ECDSA). Threads: no shared state.
#pragma once

#include "signature/hash_algorithm.h"
#include "signature/key.h"

namespace imakeep::signature {

enum class Verified : std::uint8_t {
  kYes,
  kNo,
  kHashUnknown,  // OpenSSL has no such hash, or cannot state it in an RSA signature
};

// REQUIRES: key.can_check(); `digest` has the size of `algorithm`.
Verified verify(const Key& key, HashAlgorithm algorithm, ByteView digest, ByteView signature);

}  // namespace imakeep::signature
