// SPDX-License-Identifier: Apache-2.0
#include "signature/keyrings.h"

#include <algorithm>
#include <filesystem>

#include "base/text.h"

namespace imakeep::signature {

Result<bool> Keyrings::add(std::string_view keyring, const Key& key, std::optional<std::uint32_t> key_id) {
  if (keyring.empty() || keyring.size() > kMaxKeyringNameBytes) {
    return fail(ErrorCode::kUsage,
                "a keyring's name has 1 to " + std::to_string(kMaxKeyringNameBytes) + " bytes: " + printable(keyring));
  }
  auto count = keys_of_.find(keyring);
  if (count == keys_of_.end()) {
    if (keys_of_.size() == kMaxKeyrings) {
      return fail(ErrorCode::kUsage, "more than " + std::to_string(kMaxKeyrings) + " keyrings");
    }
    count = keys_of_.emplace(keyring, 0).first;
  }
  std::vector<Place>& places = places_[key_id.value_or(key.id())];
  const bool known = std::any_of(places.begin(), places.end(), [&](const Place& other) {
    return other.keyring == keyring && other.key.fingerprint() == key.fingerprint() &&
           equal(other.key.identifier(), key.identifier());
  });
  if (known) return false;
  if (count->second == kMaxKeysInKeyring) {
    return fail(ErrorCode::kUsage, "keyring " + printable(keyring) + " has " + std::to_string(kMaxKeysInKeyring) +
                                       " keys, and takes no more");
  }
  const auto after = std::upper_bound(places.begin(), places.end(), keyring,
                                      [](std::string_view name, const Place& place) { return name < place.keyring; });
  places.insert(after, Place{.keyring = std::string(keyring), .key = key});
  ++count->second;
  return true;
}

std::vector<KeyringEntry> Keyrings::find(std::uint32_t key_id) const {
  std::vector<KeyringEntry> found;
  const auto places = places_.find(key_id);
  if (places == places_.end()) return found;
  for (const Place& place : places->second) found.push_back({.keyring = place.keyring, .key = &place.key});
  return found;
}

std::vector<KeyringEntry> Keyrings::all() const {
  std::vector<KeyringEntry> entries;
  for (const auto& [key_id, places] : places_) {
    for (const Place& place : places) entries.push_back({.keyring = place.keyring, .key = &place.key});
  }
  return entries;
}

Result<std::vector<Key>> read_key_file(const std::string& path) {
  IMAKEEP_TRY(const Bytes bytes, read_file(path, {.most_bytes = kMaxKeyFileBytes}));
  auto keys = Key::parse(bytes);
  if (!keys) return unexpected(named(std::move(keys).error(), path));
  return keys;
}

namespace {

// The regular files, sorted by name.
Result<std::vector<std::string>> files_in(const std::string& path) {
  std::vector<std::string> files;
  std::error_code failed;
  std::filesystem::directory_iterator entry(path, failed);
  for (const std::filesystem::directory_iterator end; !failed && entry != end; entry.increment(failed)) {
    std::error_code unknown;
    if (!entry->is_regular_file(unknown)) continue;
    if (files.size() == kMaxFilesInKeyDirectory) {
      return fail(ErrorCode::kMalformed,
                  path + " has more than " + std::to_string(kMaxFilesInKeyDirectory) + " files: no directory of keys");
    }
    files.push_back(entry->path().string());
  }
  if (failed) return fail_errno(failed.value(), "cannot read the directory " + path);
  std::sort(files.begin(), files.end());
  return files;
}

}  // namespace

Result<KeyDirectory> read_key_directory(const std::string& path) {
  IMAKEEP_TRY(const auto& files, files_in(path));
  KeyDirectory directory;
  for (const std::string& file : files) {
    auto keys = read_key_file(file);
    if (!keys) {
      directory.unusable.push_back(std::move(keys).error());
      continue;
    }
    directory.keys.insert(directory.keys.end(), keys->begin(), keys->end());
  }
  return directory;
}

}  // namespace imakeep::signature
