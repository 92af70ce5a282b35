// SPDX-License-Identifier: Apache-2.0
#include "reference/output_file.h"

#include <sys/stat.h>

#include "base/file.h"

namespace imakeep::reference {

Result<void> check_output(const std::string& path, const std::vector<std::string>& inputs) {
  struct stat output {};
  if (::stat(path.c_str(), &output) == 0) {
    if (!S_ISREG(output.st_mode)) return fail(ErrorCode::kUsage, path + " is no regular file; name another file");
    for (const std::string& input : inputs) {
      struct stat other {};
      if (::stat(input.c_str(), &other) == 0 && other.st_dev == output.st_dev && other.st_ino == output.st_ino) {
        return fail(ErrorCode::kUsage,
                    path + " is an input of this command, so it is not replaced; write to another file and rename it");
      }
    }
  }
  return check_replaceable(path, as_bytes("{"), "policy");
}

Result<void> write_output(const std::string& path, const std::vector<std::string>& inputs, std::string_view text) {
  IMAKEEP_CHECK(check_output(path, inputs));
  constexpr mode_t kMode = 0644;
  return replace_file(path, as_bytes(text), kMode);
}

}  // namespace imakeep::reference
