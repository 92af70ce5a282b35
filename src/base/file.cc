#include "base/file.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>

namespace imakeep {

UniqueFd& UniqueFd::operator=(UniqueFd&& other) noexcept {
  if (this != &other) {
    if (fd_ >= 0) ::close(fd_);
    fd_ = std::exchange(other.fd_, -1);
  }
  return *this;
}

UniqueFd::~UniqueFd() {
  if (fd_ >= 0) ::close(fd_);
}

Result<UniqueFd> open_file(const std::string& path, int flags, mode_t mode) {
  int fd = -1;
  do {
    fd = ::open(path.c_str(), flags | O_CLOEXEC, mode);
  } while (fd < 0 && errno == EINTR);
  if (fd < 0) return fail_errno(errno, "cannot open " + path);
  return UniqueFd(fd);
}

Result<Bytes> read_all(int fd, const std::string& path) {
  // Files of /proc are short, and a list of Linux's comes by a page at a time: room is made where there is none left.
  constexpr std::size_t kLeastBytes = 4096, kMostBytes = 1u << 20;
  Bytes bytes;
  std::size_t filled = 0;
  for (;;) {
    if (filled == bytes.size()) bytes.resize(filled + std::clamp(filled, kLeastBytes, kMostBytes));
    const ssize_t got = ::read(fd, bytes.data() + filled, bytes.size() - filled);
    if (got < 0 && errno != EINTR) return fail_errno(errno, "cannot read " + path);
    if (got > 0) filled += static_cast<std::size_t>(got);
    if (got != 0) continue;
    bytes.resize(filled);
    return bytes;
  }
}

Result<Bytes> read_file(const std::string& path) {
  auto fd = open_file(path, O_RDONLY);
  if (!fd) return unexpected(fd.error());
  return read_all(fd->get(), path);
}

Result<void> write_all(int fd, ByteView bytes, const std::string& path) {
  while (!bytes.empty()) {
    const ssize_t put = ::write(fd, bytes.data(), bytes.size());
    if (put < 0) {
      if (errno == EINTR) continue;
      return fail_errno(errno, "cannot write " + path);
    }
    bytes = bytes.subspan(static_cast<std::size_t>(put));
  }
  return {};
}

namespace {

Result<void> write_durably(const std::string& path, ByteView bytes, mode_t mode) {
  auto fd = open_file(path, O_WRONLY | O_CREAT | O_TRUNC, mode);
  if (!fd) return unexpected(fd.error());
  IMAKEEP_CHECK(write_all(fd->get(), bytes, path));
  if (::fsync(fd->get()) != 0) return fail_errno(errno, "cannot sync " + path);
  return {};
}

}  // namespace

Result<void> replace_file(const std::string& path, ByteView bytes, mode_t mode) {
  const std::string temporary = path + ".partial-" + std::to_string(::getpid());
  if (auto written = write_durably(temporary, bytes, mode); !written) {
    ::unlink(temporary.c_str());
    return written;
  }
  if (::rename(temporary.c_str(), path.c_str()) != 0) {
    const int reason = errno;
    ::unlink(temporary.c_str());
    return fail_errno(reason, "cannot rename " + temporary + " to " + path);
  }
  // The name is durable only once its directory is.
  const std::string directory = std::filesystem::path(path).parent_path().string();
  auto directory_fd = open_file(directory.empty() ? "." : directory, O_RDONLY | O_DIRECTORY);
  if (!directory_fd) return unexpected(directory_fd.error());
  if (::fsync(directory_fd->get()) != 0) return fail_errno(errno, "cannot sync the directory of " + path);
  return {};
}

}  // namespace imakeep
