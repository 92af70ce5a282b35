// SPDX-License-Identifier: Apache-2.0
#include "signature/hash_algorithm.h"

#include <array>

#include "base/openssl_objects.h"

namespace imakeep::signature {

using openssl::DigestContext;
using openssl::ErrorQueueCleared;
using openssl::HashFunction;
namespace {

constexpr std::array kHashes = {
    HashInfo{"md4", "MD4", 16},
    HashInfo{"md5", "MD5", 16},
    HashInfo{"sha1", "SHA1", 20},
    HashInfo{"rmd160", "RIPEMD160", 20},
    HashInfo{"sha256", "SHA256", 32},
    HashInfo{"sha384", "SHA384", 48},
    HashInfo{"sha512", "SHA512", 64},
    HashInfo{"sha224", "SHA224", 28},
    HashInfo{"rmd128", "", 16},
    HashInfo{"rmd256", "", 32},
    HashInfo{"rmd320", "", 40},
    HashInfo{"wp256", "", 32},
    HashInfo{"wp384", "", 48},
    HashInfo{"wp512", "whirlpool", 64},
    HashInfo{"tgr128", "", 16},
    HashInfo{"tgr160", "", 20},
    HashInfo{"tgr192", "", 24},
    HashInfo{"sm3", "SM3", 32},
    HashInfo{"streebog256", "md_gost12_256", 32},
    HashInfo{"streebog512", "md_gost12_512", 64},
    HashInfo{"sha3-256", "SHA3-256", 32},
    HashInfo{"sha3-384", "SHA3-384", 48},
    HashInfo{"sha3-512", "SHA3-512", 64},
};
static_assert(kHashes.size() == static_cast<std::size_t>(HashAlgorithm::kSha3_512) + 1);

// Fetched once: a fetch searches the providers, which costs more than a hash of a short input.
const EVP_MD* function_of(HashAlgorithm algorithm) {
  static const auto kFunctions = [] {
    const ErrorQueueCleared cleared;
    std::array<HashFunction, kHashes.size()> functions;
    for (std::size_t i = 0; i < functions.size(); ++i) {
      if (kHashes[i].openssl_name.empty()) continue;
      functions[i].reset(EVP_MD_fetch(nullptr, kHashes[i].openssl_name.data(), nullptr));
    }
    return functions;
  }();
  return kFunctions[static_cast<std::size_t>(algorithm)].get();
}

}  // namespace

const HashInfo& info(HashAlgorithm algorithm) {
  return kHashes[static_cast<std::size_t>(algorithm)];
}

std::optional<HashAlgorithm> hash_from_number(std::uint8_t number) {
  if (number >= kHashes.size()) return std::nullopt;
  return static_cast<HashAlgorithm>(number);
}

std::optional<HashAlgorithm> hash_from_name(std::string_view name) {
  for (std::size_t i = 0; i < kHashes.size(); ++i) {
    if (kHashes[i].name == name) return static_cast<HashAlgorithm>(i);
  }
  return std::nullopt;
}

bool can_hash(HashAlgorithm algorithm) {
  return function_of(algorithm) != nullptr;
}

std::optional<digest::Digest> hash_of(HashAlgorithm algorithm, std::initializer_list<ByteView> parts) {
  const ErrorQueueCleared cleared;
  const DigestContext context(EVP_MD_CTX_new());
  if (!context || !can_hash(algorithm)) return std::nullopt;
  if (EVP_DigestInit_ex2(context.get(), function_of(algorithm), nullptr) != 1) return std::nullopt;
  for (const ByteView part : parts) {
    if (EVP_DigestUpdate(context.get(), part.data(), part.size()) != 1) return std::nullopt;
  }
  digest::Digest digest(info(algorithm).digest_bytes);
  if (EVP_DigestFinal_ex(context.get(), reinterpret_cast<unsigned char*>(digest.data()), nullptr) != 1) {
    return std::nullopt;
  }
  return digest;
}

}  // namespace imakeep::signature
