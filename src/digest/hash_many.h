// digest/hash_many.h - digests of many messages, side by side where the processor can.
// Threads: no shared state.
#pragma once

#include <span>

#include "digest/digest.h"

namespace imakeep::digest {

// digests[i] = H(messages[i]); both have the same length.
void hash_many(Algorithm algorithm, std::span<const ByteView> messages, std::span<Digest> digests);

}  // namespace imakeep::digest
