// SPDX-License-Identifier: Apache-2.0
// Input: messages, each after a byte that is its length. All implementations must give the same digests of them: alone,
// several at once, in parts, and together with a PCR that these digests extend.
#include "digest/hash_many.h"
#include "digest/implementation.h"
#include "fuzz/require.h"

namespace imakeep::fuzz {
namespace {

using digest::Algorithm;
using digest::Digest;

std::vector<ByteView> messages_of(ByteView input) {
  std::vector<ByteView> messages;
  while (!input.empty()) {
    const std::size_t length = std::min(std::to_integer<std::size_t>(input[0]), input.size() - 1);
    messages.push_back(input.subspan(1, length));
    input = input.subspan(1 + length);
  }
  return messages;
}

std::vector<Digest> digests_by(digest::Implementation implementation, Algorithm algorithm,
                               const std::vector<ByteView>& messages) {
  require(digest::use_implementation(digest::implementation_name(implementation)).has_value(),
          "every listed implementation can be used");
  std::vector<Digest> digests(messages.size());
  digest::hash_many(algorithm, messages, digests);
  for (std::size_t i = 0; i < messages.size(); ++i) {
    const std::size_t half = messages[i].size() / 2;
    require(digest::hash(algorithm, {messages[i].first(half), messages[i].subspan(half)}) == digests[i],
            "parts have the digest of the whole");
  }
  return digests;
}

// The PCR after each digest, while some of the messages are hashed together with it.
std::vector<Digest> pcrs_by(digest::Implementation implementation, Algorithm algorithm,
                            const std::vector<ByteView>& messages, const std::vector<Digest>& digests) {
  require(digest::use_implementation(digest::implementation_name(implementation)).has_value(),
          "every listed implementation can be used");
  std::vector<Digest> together(messages.size()), after(messages.size());
  std::size_t calls = 0;
  digest::hash_many_together(
      algorithm, messages, together,
      {.pcr = Digest(digest::digest_bytes(algorithm)), .digests = digests, .after = after, .meanwhile = [&] {
         ++calls;
       }});
  require(together == digests, "together with a PCR the digests are the same");
  require(calls == digests.size(), "there is time for other work at each extend");
  return after;
}

}  // namespace
}  // namespace imakeep::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace imakeep;
  using digest::Algorithm;
  const auto messages = fuzz::messages_of(std::as_bytes(std::span(data, size)));
  for (const Algorithm algorithm : {Algorithm::kSha1, Algorithm::kSha256, Algorithm::kSha384, Algorithm::kSha512}) {
    const auto expected = fuzz::digests_by(digest::Implementation::kPortable, algorithm, messages);
    const auto pcrs = fuzz::pcrs_by(digest::Implementation::kPortable, algorithm, messages, expected);
    for (const digest::Implementation implementation : digest::implementations()) {
      if (implementation == digest::Implementation::kPortable) continue;
      fuzz::require(fuzz::digests_by(implementation, algorithm, messages) == expected,
                    "all implementations give the same digests");
      fuzz::require(fuzz::pcrs_by(implementation, algorithm, messages, expected) == pcrs,
                    "all implementations give the same PCR");
    }
  }
  return 0;
}
