// SPDX-License-Identifier: Apache-2.0
#include "enrol/trust_directory.h"

#include <algorithm>
#include <filesystem>

#include "base/file.h"

namespace imakeep::enrol {

Result<TrustStore> read_trust_directory(const std::string& directory) {
  constexpr std::uint64_t kMostPemBytes = 1u << 20;
  std::error_code failed;
  std::vector<std::string> files;
  std::filesystem::directory_iterator entry(directory, failed);
  for (const std::filesystem::directory_iterator end; !failed && entry != end; entry.increment(failed)) {
    std::error_code unknown;
    if (entry->is_regular_file(unknown)) files.push_back(entry->path().string());
  }
  if (failed) return fail_errno(failed.value(), "cannot read the directory of roots " + directory);
  std::ranges::sort(files);
  TrustStore trust;
  for (const std::string& file : files) {
    IMAKEEP_TRY(const Bytes bytes, read_file(file, {.most_bytes = kMostPemBytes}));
    IMAKEEP_CHECK(trust.add(bytes, file));
  }
  if (trust.roots() == 0) {
    return fail(ErrorCode::kUsage, directory + " has no root; put the makers' root certificates there");
  }
  return trust;
}

}  // namespace imakeep::enrol
