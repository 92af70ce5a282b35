// SPDX-License-Identifier: Apache-2.0
#include "authoring/inputs.h"

#include "base/file.h"

namespace imakeep::authoring {

Result<Bytes> read_policy_file(const std::string& path) {
  constexpr std::uint64_t kMostBytes = 256u << 20;  // parse_policy() refuses less, and says why
  return read_file(path, {.most_bytes = kMostBytes});
}

Result<reference::Document> read_policy(const std::string& path) {
  IMAKEEP_TRY(const auto& bytes, read_policy_file(path));
  auto document = reference::read_document(bytes);
  if (!document) return unexpected(named(document.error(), path));
  return document;
}

Result<std::vector<policy::PolicyKey>> read_policy_keys(const std::optional<std::string>& path) {
  if (!path) return std::vector<policy::PolicyKey>();
  IMAKEEP_TRY(const auto& bytes, read_file(*path, {.most_bytes = policy::kMostKeyFileBytes}));
  auto keys = policy::PolicyKey::parse(bytes);
  if (!keys) return unexpected(named(keys.error(), *path));
  return keys;
}

}  // namespace imakeep::authoring
