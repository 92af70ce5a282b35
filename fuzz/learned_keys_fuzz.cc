// SPDX-License-Identifier: Apache-2.0
// Input: a letter, then s: saved keys of a log; b: a buffer that a record of ima-buf shows. Saved keys that are loaded
// are saved to the same bytes. A buffer that holds a key is learned once, and gives the same key when it is loaded.
#include "appraisal/learned_keys.h"
#include "fuzz/require.h"
#include "signature/measured_key.h"

namespace imakeep {
namespace {

void load_saved(ByteView saved) {
  const auto loaded = appraisal::LearnedKeys::load(saved);
  if (!loaded) {
    const Error& error = loaded.error();
    fuzz::require(error.code == ErrorCode::kMalformed || error.code == ErrorCode::kTruncated, "an error of load()");
    fuzz::require(error.code != ErrorCode::kTruncated || error.offset.value_or(saved.size() + 1) <= saved.size(),
                  "what is cut short has an offset");
    return;
  }
  fuzz::require(loaded->keys().size() <= appraisal::kMaxLearnedKeys, "the number of keys is bounded");
  fuzz::require(equal(loaded->save(), saved), "keys are saved as they were loaded");
}

void learn(ByteView buffer) {
  const auto key = signature::key_in_buffer(buffer);
  if (!key) return;
  fuzz::require(buffer.size() <= signature::kMaxMeasuredKeyBytes, "a key has a bounded size");
  fuzz::require(!key->name().empty() && key->identifier().size() >= 4, "a key has a name and an identifier");
  appraisal::LearnedKeys keys;
  const auto first = keys.learn(7, ".ima", buffer, *key);
  fuzz::require(first && *first, "a key is learned");
  const auto again = keys.learn(8, ".ima", buffer, *key);
  fuzz::require(again && !*again, "but once");
  const auto loaded = appraisal::LearnedKeys::load(keys.save());
  fuzz::require(loaded && loaded->keys().size() == 1, "and is loaded");
  const appraisal::LearnedKey& read = loaded->keys().front();
  fuzz::require(read.record == 7 && read.keyring == ".ima" && equal(read.buffer, buffer),
                "with its record and keyring");
  fuzz::require(
      read.key.fingerprint() == key->fingerprint() && read.key.id() == key->id() && read.key.kind() == key->kind(),
      "as the same key");
}

}  // namespace
}  // namespace imakeep

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace imakeep;
  if (size == 0) return 0;
  const ByteView rest = std::as_bytes(std::span(data + 1, size - 1));
  if (data[0] == 's') load_saved(rest);
  if (data[0] == 'b') learn(rest);
  return 0;
}
