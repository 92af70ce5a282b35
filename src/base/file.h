// base/file.h - file descriptors that close themselves, and whole reads and writes through them.
// Threads: an object belongs to one thread at a time.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <string>
#include <utility>

#include "base/bytes.h"
#include "base/result.h"

namespace imakeep {

class UniqueFd {
 public:
  UniqueFd() = default;
  explicit UniqueFd(int fd) : fd_(fd) {}
  UniqueFd(UniqueFd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  UniqueFd& operator=(UniqueFd&& other) noexcept;
  ~UniqueFd();

  int get() const { return fd_; }
  bool valid() const { return fd_ >= 0; }
  int release() { return std::exchange(fd_, -1); }

 private:
  int fd_ = -1;
};

// open(2) with O_CLOEXEC added. kEnvironment names the path and the reason.
Result<UniqueFd> open_file(const std::string& path, int flags, mode_t mode = 0);

// Everything from the descriptor's position to the end; short reads and EINTR are seen to. `path` is for the message.
Result<Bytes> read_all(int fd, const std::string& path);
Result<Bytes> read_file(const std::string& path);

// All of `bytes`, by as many write(2)s as it takes.
Result<void> write_all(int fd, ByteView bytes, const std::string& path);

// Writes `path` so that a reader finds the old content or the new, never half: a temporary beside it, fsync, rename.
Result<void> replace_file(const std::string& path, ByteView bytes, mode_t mode);

}  // namespace imakeep
