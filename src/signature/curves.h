// SPDX-License-Identifier: Apache-2.0
// signature/curves.h - the NIST curves of keys that sign for TPMs and for the kernel.
//
// Source: FIPS 186-4, appendix D.1.2; OpenSSL's names of groups. Threads: no shared state.
#pragma once

#include <array>
#include <cstddef>

struct evp_pkey_st;

namespace imakeep::signature {

struct Curve {
  const char* openssl_name;
  const char* nist_name;
  std::size_t field_bytes;
};

// In the order of size.
inline constexpr std::array<Curve, 5> kNistCurves = {{
    {"prime192v1", "P-192", 24},
    {"secp224r1", "P-224", 28},
    {"prime256v1", "P-256", 32},
    {"secp384r1", "P-384", 48},
    {"secp521r1", "P-521", 66},
}};

// The curve of the key; nullptr if the key is on none of them.
const Curve* nist_curve_of(const evp_pkey_st* key);

}  // namespace imakeep::signature
