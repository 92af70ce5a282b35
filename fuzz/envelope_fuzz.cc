// SPDX-License-Identifier: Apache-2.0
// Input: a policy, perhaps in an envelope, read with a key that signed none; and a file of keys.
#include "fuzz/require.h"
#include "policy/envelope.h"
#include "policy/policy.h"

namespace imakeep {
namespace {

// The public key of P-256's generator, whose private key is 1. It signed none of the inputs.
const std::vector<policy::PolicyKey>& keys() {
  static const std::vector<policy::PolicyKey> made = *policy::PolicyKey::parse(
      *from_hex("3059301306072a8648ce3d020106082a8648ce3d030107034200046b17d1f2e12c4247f8bce6e5"
                "63a440f277037d812deb33a0f4a13945d898c2964fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33"
                "576b315ececbb6406837bf51f5"));
  return made;
}

}  // namespace
}  // namespace imakeep

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace imakeep;
  const ByteView input = std::as_bytes(std::span(data, size));
  const policy::Limits limits = {.most_bytes = 1 << 20};
  const auto opened = policy::parse_policy(input, policy::Mode::kKeylime, limits);
  const auto checked = policy::parse_policy(input, policy::Mode::kKeylime, keys(), limits);
  fuzz::require(!checked, "nobody signed it");
  if (opened) fuzz::require(checked.error().code == ErrorCode::kMismatch, "and that is all that is wrong");
  if (const auto parsed = policy::PolicyKey::parse(input)) {
    fuzz::require(!parsed->empty(), "a file that is taken has a key");
    for (const policy::PolicyKey& key : *parsed) {
      fuzz::require(!key.signed_by(input, input), "a key signs no file of keys");
    }
  }
  return 0;
}
