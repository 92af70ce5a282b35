// SPDX-License-Identifier: Apache-2.0
#include "logappraisal/inputs.h"

#include <algorithm>
#include <filesystem>
#include <iterator>

#include "base/file.h"
#include "policy/envelope.h"

namespace imakeep::logappraisal {
namespace {

// An envelope holds the policy in base64, with signatures beside it.
constexpr std::uint64_t kMostPolicyFileBytes = 200'000'000;

Result<policy::CompiledPolicy> read_policy(const std::string& file, policy::Mode mode,
                                           const std::vector<policy::PolicyKey>& keys) {
  IMAKEEP_TRY(const Bytes bytes, read_file(file, {.most_bytes = kMostPolicyFileBytes}));
  auto parsed = policy::parse_policy(bytes, mode, keys);
  if (!parsed) return unexpected(named(std::move(parsed).error(), file));
  auto compiled = policy::CompiledPolicy::compile(*parsed);
  if (!compiled) return unexpected(named(std::move(compiled).error(), file));
  return compiled;
}

Result<void> add_directory(LoadedKeys& into, const std::string& directory, std::string_view keyring) {
  IMAKEEP_TRY(auto read, signature::read_key_directory(directory));
  for (const signature::Key& key : read.keys) {
    if (const auto added = into.keyrings.add(keyring, key); !added) return unexpected(named(added.error(), directory));
  }
  std::ranges::move(read.unusable, std::back_inserter(into.unusable));
  return {};
}

// Sorted by name, so that keys that collide are found in an order that does not depend on the file system.
Result<std::vector<std::filesystem::path>> subdirectories(const std::string& directory) {
  std::vector<std::filesystem::path> found;
  std::error_code failed;
  std::filesystem::directory_iterator entry(directory, failed);
  for (const std::filesystem::directory_iterator end; !failed && entry != end; entry.increment(failed)) {
    std::error_code unknown;
    if (entry->is_directory(unknown)) found.push_back(entry->path());
  }
  if (failed) return fail_errno(failed.value(), "cannot read the directory " + directory);
  std::ranges::sort(found);
  return found;
}

}  // namespace

Result<std::vector<LoadedPolicy>> read_policies(const std::vector<std::string>& files, policy::Mode mode,
                                                const std::string& key_file) {
  std::vector<policy::PolicyKey> keys;
  if (!key_file.empty()) {
    IMAKEEP_TRY(const Bytes bytes, read_file(key_file, {.most_bytes = policy::kMostKeyFileBytes}));
    auto parsed = policy::PolicyKey::parse(bytes);
    if (!parsed) return unexpected(named(std::move(parsed).error(), key_file));
    keys = std::move(*parsed);
  }
  std::vector<LoadedPolicy> policies;
  for (const std::string& file : files) {
    IMAKEEP_TRY(auto compiled, read_policy(file, mode, keys));
    policies.push_back({.file = file, .policy = std::make_shared<const policy::CompiledPolicy>(std::move(compiled))});
  }
  return policies;
}

Result<LoadedKeys> read_keyrings(const std::string& directory) {
  LoadedKeys keys;
  IMAKEEP_CHECK(add_directory(keys, directory, kDefaultKeyring));
  IMAKEEP_TRY(const auto& below, subdirectories(directory));
  for (const std::filesystem::path& path : below) {
    IMAKEEP_CHECK(add_directory(keys, path.string(), path.filename().string()));
  }
  if (keys.keyrings.all().empty()) {
    return fail(ErrorCode::kUsage, directory + " has no key; put certificates or public keys there, in PEM or DER");
  }
  return keys;
}

}  // namespace imakeep::logappraisal
