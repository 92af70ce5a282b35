// digest/hash_many.h - digests of many messages, side by side where the processor can.
// Threads: no shared state.
#pragma once

#include <functional>
#include <span>

#include "digest/digest.h"

namespace imakeep::digest {

// digests[i] = H(messages[i]); both have the same length.
void hash_many(Algorithm algorithm, std::span<const ByteView> messages, std::span<Digest> digests);

// A PCR that is extended by one digest after the other.
struct Extends {
  Digest pcr;  // before
  std::span<const Digest> digests;
  std::span<Digest> after;  // what it is after each of them; of the same length
  // Called once an extend, for work that has nothing to do with any of this: there is time for it as well.
  std::function<void()> meanwhile = nullptr;
};

void extend_many(Algorithm algorithm, const Extends& extends);

// hash_many() and extend_many() of what does not depend on each other. An extend waits for the one before it, and
// leaves the processor room for other messages meanwhile.
void hash_many_beside(Algorithm algorithm, std::span<const ByteView> messages, std::span<Digest> digests,
                      const Extends& extends);

}  // namespace imakeep::digest
