// SPDX-License-Identifier: Apache-2.0
// signature/hash_algorithm.h - every hash algorithm that Linux numbers, with its name and size.
//
// A signature's header has the number, a record's file digest has the name. digest/algorithm.h has only the hashes of
// PCR banks.
// Source: enum hash_algo in the kernel's include/uapi/linux/hash_info.h for numbers, hash_algo_name[] and
// hash_digest_size[] in crypto/hash_info.c for names and sizes. Threads: no shared state.
#pragma once

#include <initializer_list>
#include <optional>
#include <string_view>

#include "digest/digest.h"

namespace imakeep::signature {

// The value of an enumerator is Linux's number.
enum class HashAlgorithm : std::uint8_t {
  kMd4,
  kMd5,
  kSha1,
  kRipemd160,
  kSha256,
  kSha384,
  kSha512,
  kSha224,
  kRipemd128,
  kRipemd256,
  kRipemd320,
  kWhirlpool256,
  kWhirlpool384,
  kWhirlpool512,
  kTiger128,
  kTiger160,
  kTiger192,
  kSm3,
  kStreebog256,
  kStreebog512,
  kSha3_256,
  kSha3_384,
  kSha3_512,
};

struct HashInfo {
  std::string_view name;          // Linux's name
  std::string_view openssl_name;  // argument of EVP_MD_fetch(); empty if OpenSSL has no such hash
  std::uint8_t digest_bytes = 0;
};

const HashInfo& info(HashAlgorithm algorithm);

// Empty for a number or a name that Linux does not have.
std::optional<HashAlgorithm> hash_from_number(std::uint8_t number);
std::optional<HashAlgorithm> hash_from_name(std::string_view name);

// True if this machine's OpenSSL computes the hash. Some hashes need a provider that OpenSSL does not load by itself.
bool can_hash(HashAlgorithm algorithm);

// The hash over all parts, one after the other. Empty if can_hash() is false.
std::optional<digest::Digest> hash_of(HashAlgorithm algorithm, std::initializer_list<ByteView> parts);

}  // namespace imakeep::signature
