// SPDX-License-Identifier: Apache-2.0
// base/openssl_objects.h - owners of OpenSSL's objects, for sources that call OpenSSL. No public header includes
// it.
//
// Threads: plain owners; the queue of errors belongs to the calling thread.
#pragma once

#include <memory>

#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

#include "base/bytes.h"
#include "base/freed_by.h"

namespace imakeep::openssl {

template <class T, auto Free>
using Owned = std::unique_ptr<T, FreedBy<Free>>;

using Bio = Owned<BIO, BIO_free>;
using Number = Owned<BIGNUM, BN_free>;
using Certificate = Owned<X509, X509_free>;
using PublicKey = Owned<X509_PUBKEY, X509_PUBKEY_free>;
using KeyContext = Owned<EVP_PKEY_CTX, EVP_PKEY_CTX_free>;
using DigestContext = Owned<EVP_MD_CTX, EVP_MD_CTX_free>;
using HashFunction = Owned<EVP_MD, EVP_MD_free>;

// OpenSSL queues its errors for each thread. The destructor clears the queue, so that other code does not find them.
struct ErrorQueueCleared {
  ErrorQueueCleared() = default;
  ErrorQueueCleared(const ErrorQueueCleared&) = delete;
  ErrorQueueCleared& operator=(const ErrorQueueCleared&) = delete;
  ~ErrorQueueCleared() { ERR_clear_error(); }
};

inline const unsigned char* data_of(ByteView bytes) {
  return reinterpret_cast<const unsigned char*>(bytes.data());
}
inline unsigned char* data_of(Bytes& bytes) {
  return reinterpret_cast<unsigned char*>(bytes.data());
}

inline Bytes copy_of(const unsigned char* begin, std::size_t size) {
  const auto* const bytes = reinterpret_cast<const std::byte*>(begin);
  return {bytes, bytes + size};
}

// Takes one structure off the front of `rest`. nullptr if `rest` begins with something else.
template <class Object>
Object* take_der(Object* (*decode)(Object**, const unsigned char**, long), ByteView& rest) {
  const unsigned char* at = data_of(rest);
  Object* const object = decode(nullptr, &at, static_cast<long>(rest.size()));
  if (object != nullptr) rest = rest.subspan(static_cast<std::size_t>(at - data_of(rest)));
  return object;
}

// The DER of an object; empty if OpenSSL cannot encode it.
template <class Object>
Bytes der_bytes(int (*encode)(const Object*, unsigned char**), const Object* object) {
  unsigned char* der = nullptr;
  const int size = encode(object, &der);
  if (size <= 0) return {};
  Bytes bytes = copy_of(der, static_cast<std::size_t>(size));
  OPENSSL_free(der);
  return bytes;
}

}  // namespace imakeep::openssl
