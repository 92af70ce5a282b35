// SPDX-License-Identifier: Apache-2.0
// tpm/openssl_key.h - a TPM's public key as OpenSSL's.
//
// Threads: no shared state.
#pragma once

#include <memory>

#include "tpm/quote.h"

struct evp_pkey_st;

namespace imakeep::tpm {

// OpenSSL's name of the curve: "prime256v1".
const char* openssl_name(EccCurve curve);
// Bytes of a coordinate.
std::size_t field_bytes(EccCurve curve);

// nullptr if the numbers are no RSA key, or no point of the curve.
std::shared_ptr<evp_pkey_st> openssl_key(const PublicKey& key);

}  // namespace imakeep::tpm
