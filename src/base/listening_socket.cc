// SPDX-License-Identifier: Apache-2.0
#include "base/listening_socket.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "base/unix_socket.h"

namespace imakeep {
namespace {

constexpr std::chrono::seconds kProbeLimit{1};

// Makes `path` free for bind(2): removes a socket that a dead process left there.
Result<void> claim(const std::string& path, const std::string& what) {
  struct stat found {};
  if (::lstat(path.c_str(), &found) != 0) return {};
  if (!S_ISSOCK(found.st_mode)) {
    return fail(ErrorCode::kEnvironment, path + " exists and is not a socket; choose another name for the " + what);
  }
  const auto probe = connect_to(path, kProbeLimit);
  // EAGAIN: a process listens there, but it is stopped or too busy to accept a connection.
  if (probe || probe.error() == EAGAIN) {
    return fail(ErrorCode::kEnvironment,
                what + " " + path + " is in use; stop the program that serves it, or choose another name");
  }
  if (probe.error() != ECONNREFUSED) return fail_errno(probe.error(), "cannot use " + what + " " + path);
  if (::unlink(path.c_str()) != 0) return fail_errno(errno, "cannot replace " + what + " " + path);
  return {};
}

}  // namespace

Result<UniqueFd> listen_on(const std::string& path, mode_t mode, const std::string& what) {
  const auto address = unix_address(path);
  if (!address) return fail_errno(ENAMETOOLONG, "cannot listen on " + what + " " + path);
  IMAKEEP_CHECK(claim(path, what));
  UniqueFd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!socket.valid()) return fail_errno(errno, "cannot listen on " + what + " " + path);
  // Set the mode through the umask: between bind(2) and a chmod(2) the socket would be open to too many users.
  const mode_t old_mask = ::umask(0777 & ~mode);
  const int bind_errno = ::bind(socket.get(), address->get(), address->bytes) == 0 ? 0 : errno;
  ::umask(old_mask);
  if (bind_errno != 0) return fail_errno(bind_errno, "cannot make " + what + " " + path);
  if (::listen(socket.get(), SOMAXCONN) != 0) return fail_errno(errno, "cannot listen on " + what + " " + path);
  return socket;
}

}  // namespace imakeep
