// SPDX-License-Identifier: Apache-2.0
#include "signature/verify.h"

#include <openssl/rsa.h>

#include "base/openssl_objects.h"

namespace imakeep::signature {

using openssl::data_of;
using openssl::ErrorQueueCleared;
using openssl::HashFunction;
using openssl::KeyContext;

Verified verify(const Key& key, HashAlgorithm algorithm, ByteView digest, ByteView signature) {
  const ErrorQueueCleared cleared;
  const KeyContext context(EVP_PKEY_CTX_new(key.openssl_key(), nullptr));
  if (!context || EVP_PKEY_verify_init(context.get()) != 1) return Verified::kNo;
  const bool rsa = key.kind() == KeyKind::kRsa;
  if (rsa && EVP_PKEY_CTX_set_rsa_padding(context.get(), RSA_PKCS1_PADDING) <= 0) return Verified::kNo;
  if (rsa) {
    // PKCS#1 v1.5 names the hash within the signature, so OpenSSL has to know the name.
    const HashFunction hash(EVP_MD_fetch(nullptr, info(algorithm).openssl_name.data(), nullptr));
    if (!hash || EVP_PKEY_CTX_set_signature_md(context.get(), hash.get()) <= 0) return Verified::kHashUnknown;
  }
  const int verified =
      EVP_PKEY_verify(context.get(), data_of(signature), signature.size(), data_of(digest), digest.size());
  return verified == 1 ? Verified::kYes : Verified::kNo;
}

}  // namespace imakeep::signature
