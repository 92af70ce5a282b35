// SPDX-License-Identifier: Apache-2.0
// signature/certificate_text.h - names, serial numbers and object identifiers of certificates as text.
//
// The texts come from whoever made the certificate. Control characters and bytes above 0x7f are escaped.
// Source: RFC 2253 (names). Threads: no shared state.
#pragma once

#include <string>
#include <string_view>

struct X509_name_st;
struct X509_pubkey_st;
struct asn1_object_st;
struct asn1_string_st;

namespace imakeep::signature {

// A longer name is cut after this many bytes, and "..." follows.
inline constexpr std::size_t kMaxNameBytes = 512;

std::string name_text(const X509_name_st* name);
std::string serial_text(const asn1_string_st* serial);  // lower-case hexadecimal, at least two digits; cut like a name
std::string oid_text(const asn1_object_st* oid);        // "1.2.840.113549.1.1.1"
std::string algorithm_oid(const X509_pubkey_st* encoding);  // of the key's kind

// "ML-DSA-44", "ML-DSA-65" or "ML-DSA-87"; empty for another OID. Source: FIPS 204, RFC 9881.
std::string_view ml_dsa_name(std::string_view oid);

}  // namespace imakeep::signature
