// SPDX-License-Identifier: Apache-2.0
// digest/hash_many.h - digests of many messages, computed in parallel lanes if the processor supports that.
// Threads: no shared state.
#pragma once

#include <functional>
#include <span>

#include "digest/digest.h"

namespace imakeep::digest {

// digests[i] = H(messages[i]). Both spans have the same length.
void hash_many(Algorithm algorithm, std::span<const ByteView> messages, std::span<Digest> digests);

// A PCR, and the digests that extend it one after the other.
struct Extends {
  Digest pcr;  // value before the first extend
  std::span<const Digest> digests;
  std::span<Digest> after;  // value after each extend; same length as `digests`
  // Called once for each extend, for unrelated work: an extend leaves time for that, too.
  std::function<void()> meanwhile = nullptr;
};

void extend_many(Algorithm algorithm, const Extends& extends);

// Does hash_many() and extend_many() together, for inputs that do not depend on each other. An extend waits for the one
// before it, and meanwhile the processor has room for other messages.
void hash_many_together(Algorithm algorithm, std::span<const ByteView> messages, std::span<Digest> digests,
                        const Extends& extends);

}  // namespace imakeep::digest
