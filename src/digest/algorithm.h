// SPDX-License-Identifier: Apache-2.0
// digest/algorithm.h - the hash algorithms of PCR banks and file digests, with their names and numbers.
//
// Source: hash_algo_name[] in the kernel's crypto/hash_info.c for names, TCG Algorithm Registry for TPM_ALG_IDs.
// Threads: no shared state.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace imakeep::digest {

enum class Algorithm : std::uint8_t { kSha1, kSha256, kSha384, kSha512, kSm3_256, kSha3_256, kSha3_384, kSha3_512 };

inline constexpr std::size_t kAlgorithmCount = 8;
inline constexpr std::size_t kMaxDigestBytes = 64;

struct AlgorithmInfo {
  std::string_view name;          // Linux's name, in IMA's file names and in "ALG:" before a file digest
  std::string_view openssl_name;  // argument of EVP_MD_fetch()
  std::uint16_t tpm_alg;          // TPM_ALG_ID
  std::uint8_t digest_bytes;
};

const AlgorithmInfo& info(Algorithm algorithm);

inline std::size_t digest_bytes(Algorithm algorithm) {
  return info(algorithm).digest_bytes;
}

// Accepts Linux's name, and "sm3_256", which is TCG's name for sm3. Empty for any other name.
std::optional<Algorithm> algorithm_from_name(std::string_view name);

// Empty for a TPM_ALG_ID that is none of these hashes.
std::optional<Algorithm> algorithm_from_tpm_alg(std::uint16_t tpm_alg);

}  // namespace imakeep::digest
