// SPDX-License-Identifier: Apache-2.0
#include "digest/algorithm.h"

namespace imakeep::digest {
namespace {

constexpr std::array<AlgorithmInfo, kAlgorithmCount> kInfo = {{
    {"sha1", "SHA1", 0x0004, 20},
    {"sha256", "SHA256", 0x000b, 32},
    {"sha384", "SHA384", 0x000c, 48},
    {"sha512", "SHA512", 0x000d, 64},
    {"sm3", "SM3", 0x0012, 32},
    {"sha3-256", "SHA3-256", 0x0027, 32},
    {"sha3-384", "SHA3-384", 0x0028, 48},
    {"sha3-512", "SHA3-512", 0x0029, 64},
}};

}  // namespace

const AlgorithmInfo& info(Algorithm algorithm) {
  return kInfo[static_cast<std::size_t>(algorithm)];
}

std::optional<Algorithm> algorithm_from_name(std::string_view name) {
  if (name == "sm3_256") return Algorithm::kSm3_256;
  for (std::size_t i = 0; i < kInfo.size(); ++i) {
    if (kInfo[i].name == name) return static_cast<Algorithm>(i);
  }
  return std::nullopt;
}

std::optional<Algorithm> algorithm_from_tpm_alg(std::uint16_t tpm_alg) {
  for (std::size_t i = 0; i < kInfo.size(); ++i) {
    if (kInfo[i].tpm_alg == tpm_alg) return static_cast<Algorithm>(i);
  }
  return std::nullopt;
}

}  // namespace imakeep::digest
