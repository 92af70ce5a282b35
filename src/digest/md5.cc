// SPDX-License-Identifier: Apache-2.0
#include "digest/md5.h"

#include <cstdlib>

#include <openssl/evp.h>

namespace imakeep::digest {
namespace {

constexpr std::size_t kMd5Bytes = 16;

EVP_MD_CTX* evp(void* context) {
  return static_cast<EVP_MD_CTX*>(context);
}

}  // namespace

void Md5Hasher::ContextFree::operator()(void* context) const {
  EVP_MD_CTX_free(evp(context));
}

Result<Md5Hasher> Md5Hasher::create() {
  Md5Hasher made(EVP_MD_CTX_new());
  if (made.context_ == nullptr || EVP_DigestInit_ex2(evp(made.context_.get()), EVP_md5(), nullptr) != 1) {
    return fail(ErrorCode::kEnvironment, "this machine's OpenSSL has no MD5");
  }
  return made;
}

void Md5Hasher::update(ByteView bytes) {
  if (EVP_DigestUpdate(evp(context_.get()), bytes.data(), bytes.size()) != 1) std::abort();
}

Digest Md5Hasher::finish() {
  Digest digest(kMd5Bytes);
  auto* const out = reinterpret_cast<unsigned char*>(digest.data());
  if (EVP_DigestFinal_ex(evp(context_.get()), out, nullptr) != 1) std::abort();
  return digest;
}

}  // namespace imakeep::digest
