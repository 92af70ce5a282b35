// SPDX-License-Identifier: Apache-2.0
// signature/keyrings.h - keys in keyrings with names, and the look-up over all of them.
//
// The names are the caller's: names of Linux's keyrings such as ".ima", or others. Two keys may have one key id, since
// an id has only 32 bits: a look-up returns all of them.
// Threads: one thread at a time changes an object; const use is safe from any thread while nobody changes it.
#pragma once

#include <map>

#include "base/file.h"
#include "signature/key.h"

namespace imakeep::signature {

inline constexpr std::size_t kMaxKeyrings = 256;
inline constexpr std::size_t kMaxKeysInKeyring = 4096;
inline constexpr std::size_t kMaxKeyringNameBytes = 255;

// A key together with its keyring. Borrowed from Keyrings, until a key is added.
struct KeyringEntry {
  std::string_view keyring;
  const Key* key = nullptr;
};

class Keyrings {
 public:
  // Adds a key to the keyring, which is made if it is new. Returns false if the keyring has the key already, with the
  // same key identifier. find() knows the key by `key_id`, or by Key::id() if none is given: a list of keys may state
  // the id of a certificate that it does not have. kUsage for an empty or longer name than kMaxKeyringNameBytes, and
  // beyond the limits above.
  Result<bool> add(std::string_view keyring, const Key& key, std::optional<std::uint32_t> key_id = std::nullopt);

  // The keys with this key id, in the order of the names of their keyrings; within one, in the order in which they were
  // added.
  std::vector<KeyringEntry> find(std::uint32_t key_id) const;
  // All keys, in the order of their key ids.
  std::vector<KeyringEntry> all() const;

 private:
  struct Place {
    std::string keyring;
    Key key;
  };

  std::map<std::uint32_t, std::vector<Place>> places_;       // by key id; sorted by keyring
  std::map<std::string, std::size_t, std::less<>> keys_of_;  // by keyring: the count of its keys
};

// A key file is small. A directory of keys may also hold private keys, requests and notes.
inline constexpr std::uint64_t kMaxKeyFileBytes = 4u << 20;
inline constexpr std::size_t kMaxFilesInKeyDirectory = 4096;

// Errors: those of read_file() and Key::parse(). The message names the file.
Result<std::vector<Key>> read_key_file(const std::string& path);

struct KeyDirectory {
  std::vector<Key> keys;
  std::vector<Error> unusable;  // one error for each file that gave no key; it names the file
};

// Reads each regular file of the directory, in the order of names; symbolic links are followed, directories are not
// entered. kEnvironment if the directory cannot be read, kMalformed if it has more than kMaxFilesInKeyDirectory files.
Result<KeyDirectory> read_key_directory(const std::string& path);

}  // namespace imakeep::signature
