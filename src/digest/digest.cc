// SPDX-License-Identifier: Apache-2.0
#include "digest/digest.h"

#include <cstdio>
#include <cstdlib>

#include <openssl/evp.h>

#include "digest/block_hash.h"
#include "digest/implementation.h"

namespace imakeep::digest {

// Not in the anonymous namespace: it is a member of Hasher::Context, which other files may name.
struct ContextFree {
  void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
};

namespace {

struct MdFree {
  void operator()(EVP_MD* md) const { EVP_MD_free(md); }
};
using Md = std::unique_ptr<EVP_MD, MdFree>;
using MdContext = std::unique_ptr<EVP_MD_CTX, ContextFree>;

const EVP_MD* fetched(Algorithm algorithm) {
  static const auto kMds = [] {
    std::array<Md, kAlgorithmCount> mds;
    for (std::size_t i = 0; i < mds.size(); ++i) {
      mds[i].reset(EVP_MD_fetch(nullptr, info(static_cast<Algorithm>(i)).openssl_name.data(), nullptr));
    }
    return mds;
  }();
  return kMds[static_cast<std::size_t>(algorithm)].get();
}

// Once the algorithm is available, hashing cannot fail. A wrong digest would be worse than a stop.
void require(bool done, Algorithm algorithm) {
  if (done) return;
  std::fprintf(stderr, "imakeep: OpenSSL cannot compute %s\n", info(algorithm).name.data());
  std::abort();
}

MdContext new_context(Algorithm algorithm) {
  MdContext context(EVP_MD_CTX_new());
  require(context && fetched(algorithm) != nullptr, algorithm);
  require(EVP_DigestInit_ex2(context.get(), fetched(algorithm), nullptr) == 1, algorithm);
  return context;
}

EVP_MD_CTX* thread_context(Algorithm algorithm) {
  thread_local std::array<MdContext, kAlgorithmCount> contexts;
  MdContext& context = contexts[static_cast<std::size_t>(algorithm)];
  if (!context) context = new_context(algorithm);
  return context.get();
}

Digest finish(EVP_MD_CTX* context, Algorithm algorithm) {
  Digest digest(digest_bytes(algorithm));
  require(EVP_DigestFinal_ex(context, reinterpret_cast<unsigned char*>(digest.data()), nullptr) == 1, algorithm);
  // Without a new digest type OpenSSL only resets the state: no look-up, no allocation.
  require(EVP_DigestInit_ex2(context, nullptr, nullptr) == 1, algorithm);
  return digest;
}

}  // namespace

bool available(Algorithm algorithm) {
  return fetched(algorithm) != nullptr;
}

Digest hash(Algorithm algorithm, std::initializer_list<ByteView> parts) {
  // For input as short as a record, OpenSSL spends more time on its overhead than on the hash.
  if (implementation() != Implementation::kPortable && algorithm == Algorithm::kSha256)
    return hash_parts<Sha256Ni>(parts);
  if (implementation() != Implementation::kPortable && algorithm == Algorithm::kSha1) return hash_parts<Sha1Ni>(parts);
  EVP_MD_CTX* context = thread_context(algorithm);
  for (const ByteView part : parts) {
    require(EVP_DigestUpdate(context, part.data(), part.size()) == 1, algorithm);
  }
  return finish(context, algorithm);
}

struct Hasher::Context {
  Algorithm algorithm;
  std::unique_ptr<EVP_MD_CTX, ContextFree> md;
};

Hasher::Hasher(Algorithm algorithm) : context_(new Context{algorithm, new_context(algorithm)}) {}
Hasher::~Hasher() = default;
Hasher::Hasher(Hasher&&) noexcept = default;
Hasher& Hasher::operator=(Hasher&&) noexcept = default;

void Hasher::update(ByteView bytes) {
  require(EVP_DigestUpdate(context_->md.get(), bytes.data(), bytes.size()) == 1, context_->algorithm);
}

Digest Hasher::finish() {
  return digest::finish(context_->md.get(), context_->algorithm);
}

}  // namespace imakeep::digest
