// SPDX-License-Identifier: Apache-2.0
#include "reference/file_hash.h"

#include <algorithm>

namespace imakeep::reference {
namespace {

constexpr std::array<digest::Algorithm, 4> kToldByLength = {digest::Algorithm::kSha1, digest::Algorithm::kSha256,
                                                            digest::Algorithm::kSha384, digest::Algorithm::kSha512};

}  // namespace

ContentHasher::ContentHasher(const std::vector<digest::Algorithm>& algorithms) {
  for (const digest::Algorithm algorithm : algorithms) hashers_.emplace_back(algorithm);
}

void ContentHasher::update(ByteView bytes) {
  for (digest::Hasher& hasher : hashers_) hasher.update(bytes);
}

DigestSet ContentHasher::finish() {
  DigestSet digests;
  for (digest::Hasher& hasher : hashers_) digests.insert(to_hex(hasher.finish().view()));
  return digests;
}

Result<std::vector<digest::Algorithm>> parse_algorithms(const std::vector<std::string>& names) {
  std::vector<digest::Algorithm> algorithms;
  for (const std::string& name : names) {
    const auto algorithm = digest::algorithm_from_name(name);
    if (!algorithm || !digest::available(*algorithm)) {
      return fail(ErrorCode::kUsage, "no hash algorithm '" + name + "'; use one of Linux's names, such as sha256");
    }
    for (const digest::Algorithm other : algorithms) {
      if (digest::digest_bytes(other) != digest::digest_bytes(*algorithm)) continue;
      return fail(ErrorCode::kUsage, "digests of " + name + " are as long as those of " +
                                         std::string(digest::info(other).name) +
                                         ", and a policy does not name the algorithm of a digest; choose one of them");
    }
    algorithms.push_back(*algorithm);
  }
  if (algorithms.empty()) return fail(ErrorCode::kUsage, "no hash algorithm is given; name one, such as sha256");
  return algorithms;
}

void state_algorithms(const std::vector<digest::Algorithm>& algorithms, Document& document) {
  const auto told = [](digest::Algorithm a) {
    return std::find(kToldByLength.begin(), kToldByLength.end(), a) != kToldByLength.end();
  };
  if (std::all_of(algorithms.begin(), algorithms.end(), told)) return;
  std::string json = "[";
  for (const digest::Algorithm algorithm : algorithms) {
    json += (json.size() == 1 ? "\"" : ", \"") + std::string(digest::info(algorithm).name) + "\"";
  }
  document.rules["algorithms"] = json + "]";
}

std::string measured_name(std::string_view path) {
  std::string name(path);
  std::replace(name.begin(), name.end(), ' ', '_');
  return name;
}

}  // namespace imakeep::reference
