// SPDX-License-Identifier: Apache-2.0
// appraisal/learned_keys.h - keys that the log itself shows being added to keyrings: state of one chain.
//
// A key counts for the records after the one that added it. The state is bounded, and can be saved with the rest of a
// chain's state:
//
//   saved := "imklkey1"  count:u32  key[count]                       little-endian
//   key   := record:u64  name_len:u16  name[name_len]  size:u32  buffer[size]
//
// `buffer` is what the record has: a certificate or a key. docs/formats/learned-keys.md describes it for users.
// Threads: one thread at a time changes an object; const use is safe from any thread while nobody changes it.
#pragma once

#include <string>
#include <vector>

#include "signature/key.h"

namespace imakeep::appraisal {

inline constexpr std::size_t kMaxLearnedKeys = 1024;
inline constexpr std::size_t kMaxLearnedBytes = 4u << 20;  // of all buffers

struct LearnedKey {
  std::uint64_t record = 0;  // number of the record that added it
  std::string keyring;
  Bytes buffer;
  signature::Key key;
};

class LearnedKeys {
 public:
  // Adds the key that the buffer holds. Returns false if the keyring has it already. kUsage beyond the limits above,
  // and for a name that no keyring can have.
  Result<bool> learn(std::uint64_t record, std::string_view keyring, ByteView buffer, const signature::Key& key);

  // In the order in which they were learned.
  const std::vector<LearnedKey>& keys() const { return keys_; }

  Bytes save() const;
  // Errors: kMalformed for bytes that save() does not write, kTruncated for a part of such.
  static Result<LearnedKeys> load(ByteView saved);

 private:
  std::vector<LearnedKey> keys_;
  std::size_t bytes_ = 0;
};

}  // namespace imakeep::appraisal
