// SPDX-License-Identifier: Apache-2.0
#include "conformance/request.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/file.h"

namespace imakeep::conformance {

std::string errno_name(int os_errno) {
  if (os_errno == 0) return "ok";
  const char* name = ::strerrorname_np(os_errno);
  return name != nullptr ? name : "errno " + std::to_string(os_errno);
}

std::string answer_name(ssize_t moved, std::size_t wanted) {
  if (moved < 0) return errno_name(errno);
  if (static_cast<std::size_t>(moved) == wanted) return "ok";
  return std::to_string(moved) + " of " + std::to_string(wanted) + " bytes";
}

std::string send_request(int fd, std::string_view bytes) {
  return answer_name(::write(fd, bytes.data(), bytes.size()), bytes.size());
}

Result<std::string> send_request(const std::string& path, std::string_view bytes) {
  IMAKEEP_TRY(const auto& fd, open_file(path, O_WRONLY));
  return send_request(fd.get(), bytes);
}

}  // namespace imakeep::conformance
