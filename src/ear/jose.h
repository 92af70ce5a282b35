// SPDX-License-Identifier: Apache-2.0
// ear/jose.h - owners of libcjose's and OpenSSL's objects. Internal to src/ear; only its .cc files include it.
//
// Threads: plain owners; the queue of OpenSSL's errors belongs to the calling thread.
#pragma once

#include <cjose/cjose.h>

#include <memory>
#include <optional>
#include <string>

#include <openssl/err.h>
#include <openssl/evp.h>

#include "base/bytes.h"
#include "base/freed_by.h"

namespace imakeep::ear {

using JwkOwner = std::shared_ptr<cjose_jwk_t>;
using JwsOwner = std::unique_ptr<cjose_jws_t, FreedBy<cjose_jws_release>>;
using HeaderOwner = std::unique_ptr<cjose_header_t, FreedBy<cjose_header_release>>;
using KeyOwner = std::unique_ptr<EVP_PKEY, FreedBy<EVP_PKEY_free>>;

// OpenSSL and cjose leave errors in the thread's queue, also where they succeed.
struct ErrorsCleared {
  ErrorsCleared() = default;
  ErrorsCleared(const ErrorsCleared&) = delete;
  ErrorsCleared& operator=(const ErrorsCleared&) = delete;
  ~ErrorsCleared() { ERR_clear_error(); }
};

inline constexpr std::size_t kCoordinateBytes = 32;                   // of P-256
inline constexpr std::size_t kSignatureBytes = 2 * kCoordinateBytes;  // of ES256

// A public key of P-256.
struct PointOfKey {
  Bytes x;  // kCoordinateBytes each
  Bytes y;
};

// The key for cjose; `d` is empty for a public key. nullptr if the point is not on the curve.
JwkOwner jwk_of(const PointOfKey& point, ByteView d = {});

// SHA-256 over the members of the public key, as base64url (RFC 7638).
std::string thumbprint_of(const PointOfKey& point);

}  // namespace imakeep::ear
