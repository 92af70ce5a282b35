// SPDX-License-Identifier: Apache-2.0
// signature/key_file.h - the public keys and certificates in a file, PEM or DER, as OpenSSL's objects.
//
// A file is one of
// - PEM: any number of public keys (SubjectPublicKeyInfo, or RSAPublicKey of PKCS#1) and certificates; other blocks and
//   text between blocks are skipped
// - DER: a SubjectPublicKeyInfo or a certificate; zeros or 0xff may pad it, as they do in an NV index of a TPM
// Source: RFC 7468 (PEM), RFC 5280 (certificate), RFC 8017, A.1.1 (RSAPublicKey). Threads: no shared state.
#pragma once

#include <memory>
#include <vector>

#include "base/bytes.h"

struct X509_pubkey_st;
struct evp_pkey_st;
struct x509_st;

namespace imakeep::signature {

// A bundle of certificates of an operating system has some hundreds.
inline constexpr std::size_t kMaxKeysInFile = 4096;

struct KeyInFile {
  std::shared_ptr<x509_st> certificate;      // nullptr if the file has the public key alone
  std::shared_ptr<X509_pubkey_st> encoding;  // SubjectPublicKeyInfo; never nullptr
  std::shared_ptr<evp_pkey_st> key;          // nullptr if this machine's OpenSSL cannot use a key of this kind
};

// True if the file has a PEM block.
bool is_pem(ByteView file);

// At least one key. kMalformed: none of the above, or more than kMaxKeysInFile keys.
Result<std::vector<KeyInFile>> keys_in_file(ByteView file);

}  // namespace imakeep::signature
