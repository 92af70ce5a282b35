// SPDX-License-Identifier: Apache-2.0
#include "base/file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <new>

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

Result<std::size_t> read_some(int fd, std::span<std::byte> room, const std::string& path) {
  for (;;) {
    const ssize_t got = ::read(fd, room.data(), room.size());
    if (got >= 0) return static_cast<std::size_t>(got);
    if (errno != EINTR) return fail_errno(errno, "cannot read " + path);
  }
}

namespace {

Result<Bytes> read_within(int fd, const std::string& path, const ReadLimits& limits) {
  // Grow the buffer only when it is full: files of /proc are short, and Linux returns a list one page at a time.
  constexpr std::size_t kLeastBytes = 4096, kMostBytes = 1u << 20, kFrontBytes = 64u << 10;
  Bytes bytes;
  std::size_t filled = 0;
  bool front_checked = !limits.check_front;
  for (;;) {
    if (filled == bytes.size()) bytes.resize(filled + std::clamp(filled, kLeastBytes, kMostBytes));
    IMAKEEP_TRY(const auto& got, read_some(fd, std::span(bytes).subspan(filled), path));
    filled += got;
    if (filled > limits.most_bytes) {
      return unexpected(Error{.code = ErrorCode::kMalformed,
                              .message = path + " is larger than " + std::to_string(limits.most_bytes) +
                                         " bytes, the most that such a file can have",
                              .offset = limits.most_bytes});
    }
    if (!front_checked && filled >= kFrontBytes) {
      front_checked = true;
      if (auto checked = limits.check_front(ByteView(bytes).first(filled)); !checked) {
        return unexpected(named(std::move(checked).error(), path));
      }
    }
    if (got != 0) continue;
    bytes.resize(filled);
    return bytes;
  }
}

}  // namespace

Result<Bytes> read_all(int fd, const std::string& path, const ReadLimits& limits) {
  try {
    return read_within(fd, path, limits);
  } catch (const std::bad_alloc&) {
    return fail(ErrorCode::kEnvironment, "not enough memory to read " + path);
  }
}

Result<Bytes> read_file(const std::string& path, const ReadLimits& limits) {
  IMAKEEP_TRY(auto fd, open_file(path, O_RDONLY));
  return read_all(fd.get(), path, limits);
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

std::string directory_of(const std::filesystem::path& path) {
  const std::string directory = (path.has_filename() ? path : path.parent_path()).parent_path().string();
  return directory.empty() ? "." : directory;
}

// Nothing to do unless root has made the file.
Result<void> give_to_owner_of(const std::string& directory, const UniqueFd& fd, const std::string& path) {
  struct stat owner {};
  if (::geteuid() != 0) return {};
  if (::stat(directory.c_str(), &owner) != 0) return fail_errno(errno, "cannot read " + directory);
  if (::fchown(fd.get(), owner.st_uid, owner.st_gid) == 0) return {};
  return fail_errno(errno, "cannot give " + path + " to the owner of " + directory);
}

Result<void> write_durably(const std::string& path, const std::function<Result<void>(const WritePiece&)>& write_content,
                           mode_t mode, FileOwner owner) {
  IMAKEEP_TRY(auto fd, open_file(path, O_WRONLY | O_CREAT | O_TRUNC, mode));
  if (owner == FileOwner::kOfDirectory) IMAKEEP_CHECK(give_to_owner_of(directory_of(path), fd, path));
  IMAKEEP_CHECK(write_content([&](ByteView piece) { return write_all(fd.get(), piece, path); }));
  if (::fsync(fd.get()) != 0) return fail_errno(errno, "cannot sync " + path);
  return {};
}

}  // namespace

Result<void> check_replaceable(const std::string& path, ByteView prefix, const std::string& kind) {
  const auto fd = open_file(path, O_RDONLY | O_NONBLOCK);
  if (!fd && fd.error().os_errno == ENOENT) return {};
  if (!fd) return unexpected(fd.error());
  Bytes front(prefix.size());
  std::size_t got = 0;
  while (got < front.size()) {
    IMAKEEP_TRY(const auto& more, read_some(fd->get(), std::span(front).subspan(got), path));
    if (more == 0) break;
    got += more;
  }
  if (got == 0 || equal(ByteView(front).first(got), prefix)) return {};
  return fail(ErrorCode::kUsage, path + " exists and is no " + kind + ", so it is not replaced; name another file");
}

Result<void> replace_file(const std::string& path, ByteView bytes, mode_t mode, FileOwner owner) {
  const auto write_bytes = [bytes](const WritePiece& write) { return write(bytes); };
  return replace_file(path, write_bytes, mode, owner);
}

Result<void> replace_file(const std::string& path, const std::function<Result<void>(const WritePiece&)>& write_content,
                          mode_t mode, FileOwner owner) {
  const std::string temporary = path + ".partial-" + std::to_string(::getpid());
  if (auto written = write_durably(temporary, write_content, mode, owner); !written) {
    ::unlink(temporary.c_str());
    return written;
  }
  if (::rename(temporary.c_str(), path.c_str()) != 0) {
    const int reason = errno;
    ::unlink(temporary.c_str());
    return fail_errno(reason, "cannot rename " + temporary + " to " + path);
  }
  // The new name is durable only after its directory is synced.
  IMAKEEP_TRY(auto directory_fd, open_file(directory_of(path), O_RDONLY | O_DIRECTORY));
  if (::fsync(directory_fd.get()) != 0) return fail_errno(errno, "cannot sync the directory of " + path);
  return {};
}

Result<void> make_directory(const std::string& path, mode_t mode) {
  if (::mkdir(path.c_str(), mode) != 0) {
    if (errno == EEXIST) return {};
    return fail_errno(errno, "cannot make " + path);
  }
  // No link that somebody may have put there meanwhile.
  IMAKEEP_TRY(const auto& fd, open_file(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
  return give_to_owner_of(directory_of(path), fd, path);
}

}  // namespace imakeep
