// SPDX-License-Identifier: Apache-2.0
// enrol/openssl_owners.h - owners of OpenSSL's objects. Internal to src/enrol; only its .cc files include it.
//
// Threads: plain owners; the queue of errors belongs to the calling thread.
#pragma once

#include <memory>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

#include "base/bytes.h"
#include "base/freed_by.h"

namespace imakeep::enrol {

template <class T, auto Free>
using Owned = std::unique_ptr<T, FreedBy<Free>>;

using KeyOwner = Owned<EVP_PKEY, EVP_PKEY_free>;
using KeyContext = Owned<EVP_PKEY_CTX, EVP_PKEY_CTX_free>;

// The destructor clears the thread's queue of errors, so that other code does not find them.
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

}  // namespace imakeep::enrol
