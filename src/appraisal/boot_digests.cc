// SPDX-License-Identifier: Apache-2.0
#include "appraisal/boot_digests.h"

#include <algorithm>

namespace imakeep::appraisal {
namespace {

const imalog::PcrValue* boot_value(std::span<const imalog::PcrValue> values, digest::Algorithm algorithm,
                                   std::uint32_t pcr) {
  const auto found = std::ranges::find_if(
      values, [&](const imalog::PcrValue& value) { return value.bank.algorithm == algorithm && value.pcr == pcr; });
  return found == values.end() ? nullptr : &*found;
}

}  // namespace

BootDigests::BootDigests(std::span<const imalog::PcrValue> values) {
  constexpr std::uint32_t kFewer = 8;
  constexpr std::uint32_t kMore = 10;
  for (std::size_t i = 0; i < digest::kAlgorithmCount; ++i) {
    const auto algorithm = static_cast<digest::Algorithm>(i);
    if (!digest::available(algorithm)) continue;
    Bytes joined;
    for (std::uint32_t pcr = 0; pcr < kMore; ++pcr) {
      const imalog::PcrValue* const value = boot_value(values, algorithm, pcr);
      if (value == nullptr) break;
      append_bytes(joined, value->value.view());
      if (pcr + 1 != kFewer && pcr + 1 != kMore) continue;
      digests_.push_back({.algorithm = algorithm, .digest = digest::hash(algorithm, joined)});
    }
  }
}

bool BootDigests::has_bank(digest::Algorithm algorithm) const {
  return std::ranges::any_of(digests_, [&](const Known& known) { return known.algorithm == algorithm; });
}

bool BootDigests::matches(digest::Algorithm algorithm, ByteView digest) const {
  return std::ranges::any_of(
      digests_, [&](const Known& known) { return known.algorithm == algorithm && equal(known.digest.view(), digest); });
}

bool BootDigests::matches_any(ByteView digest) const {
  return std::ranges::any_of(digests_, [&](const Known& known) { return equal(known.digest.view(), digest); });
}

}  // namespace imakeep::appraisal
