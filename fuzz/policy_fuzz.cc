// SPDX-License-Identifier: Apache-2.0
// Input: a byte that chooses the mode, and a policy. A policy that is taken is compiled, and its blob is read again to
// the same bytes; every digest of it is found under its name.
#include "fuzz/require.h"
#include "policy/blob.h"
#include "policy/compiled_policy.h"

namespace imakeep {
namespace {

using policy::CompiledPolicy;
using policy::Verdict;

constexpr policy::Limits kLimits = {.most_bytes = 1 << 20, .most_patterns = 20, .most_pattern_bytes = 200};

void require_found(const policy::Policy& policy, const CompiledPolicy& compiled) {
  for (const policy::Policy::Entry& entry : policy.entries) {
    const policy::Policy::Name& name = policy.name_table[entry.name];
    const ByteView digest = ByteView(policy.digests).subspan(entry.digest_offset, entry.digest_bytes);
    std::optional<digest::Algorithm> algorithm;
    for (const digest::Algorithm one : policy.rules.algorithms) {
      if (digest::digest_bytes(one) == digest.size()) algorithm = one;
    }
    const policy::Answer answer = compiled.look_up(
        {.map = name.map, .name = policy.name_of(name), .algorithm = algorithm, .digest = digest, .record = {}});
    fuzz::require(answer.verdict == Verdict::kAccepted || answer.verdict == Verdict::kExcluded,
                  "a digest of the policy is accepted under its name");
    bool named = false;
    for (const policy::KnownName& known : compiled.names_of(digest, policy.entries.size())) {
      named = named || (known.map == name.map && known.name == policy.name_of(name));
    }
    fuzz::require(named, "and its name is found by the digest");
  }
}

}  // namespace
}  // namespace imakeep

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace imakeep;
  if (size == 0) return 0;
  const auto mode = data[0] % 2 == 0 ? policy::Mode::kStrict : policy::Mode::kKeylime;
  const ByteView text = std::as_bytes(std::span(data + 1, size - 1));
  const auto policy = policy::parse_policy(text, mode, kLimits);
  if (!policy) {
    const std::string& message = policy.error().message;
    fuzz::require(message.find(": ") != std::string::npos || message.find("are allowed") != std::string::npos,
                  "an error names its place");
    fuzz::require(message.find("; ") != std::string::npos, "and a remedy");
    return 0;
  }
  const auto compiled = CompiledPolicy::compile(*policy);
  fuzz::require(compiled.has_value(), "what was read can be compiled");
  fuzz::require(compiled->source() == policy->source, "the policy keeps its identity");
  const auto again = CompiledPolicy::from_blob(Bytes(compiled->blob().begin(), compiled->blob().end()));
  fuzz::require(again.has_value(), "a blob is read again");
  fuzz::require(policy::encode_rules(again->rules()) == policy::encode_rules(policy->rules), "with the same rules");
  require_found(*policy, *again);
  return 0;
}
