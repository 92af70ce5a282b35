// SPDX-License-Identifier: Apache-2.0
// base/file.h - file descriptors that close themselves, and complete reads and writes.
// Threads: one thread at a time uses an object.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
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

// Makes one read(2) into the front of `room`, which must not be empty. Repeats it after EINTR. Returns the count of
// bytes; 0 at the end. `path` is for the message.
Result<std::size_t> read_some(int fd, std::span<std::byte> room, const std::string& path);

// Limits the bytes that are read: a name can refer to an endless file, such as /dev/zero.
struct ReadLimits {
  std::uint64_t most_bytes;
  // Called once with the first 64 KiB or more, before the rest is read. Not called for a shorter file. Its error ends
  // the reading.
  std::function<Result<void>(ByteView)> check_front = {};
};

// The first limit is for a whole measurement list. The second is for a file that people write, or that a tool writes
// for single values: PCRs, a key, a policy.
inline constexpr std::uint64_t kMostListBytes = std::uint64_t{2} << 30;
inline constexpr std::uint64_t kMostTextBytes = 16u << 20;

// Reads everything from the descriptor's position to the end, across short reads and EINTR. `path` is for the message.
// kMalformed, with the offset, if the file has more than `most_bytes`; kEnvironment if memory runs out.
Result<Bytes> read_all(int fd, const std::string& path, const ReadLimits& limits = {.most_bytes = kMostListBytes});
Result<Bytes> read_file(const std::string& path, const ReadLimits& limits = {.most_bytes = kMostListBytes});

// Writes all of `bytes`, with as many write(2) calls as necessary.
Result<void> write_all(int fd, ByteView bytes, const std::string& path);

// Checks whether a command that writes `kind` may replace `path`. It may if the file does not exist, is empty, or
// begins with `prefix`, as a `kind` does. Otherwise kUsage; also the errors of open_file() and read_some().
Result<void> check_replaceable(const std::string& path, ByteView prefix, const std::string& kind);

enum class FileOwner : std::uint8_t {
  kProcess,
  kOfDirectory,  // if root writes: the user and group of the directory, so that they can use what root has made
};

// Writes `path` so that a reader finds either the old or the new content, never a part: writes a temporary file in the
// same directory, calls fsync(2), and renames it.
Result<void> replace_file(const std::string& path, ByteView bytes, mode_t mode, FileOwner owner = FileOwner::kProcess);

// The same for content that is made piece by piece: `write_content` hands the pieces to its argument. If it fails,
// `path` stays as it was.
using WritePiece = std::function<Result<void>(ByteView)>;
Result<void> replace_file(const std::string& path, const std::function<Result<void>(const WritePiece&)>& write_content,
                          mode_t mode, FileOwner owner = FileOwner::kProcess);

// Makes a directory that belongs to the user and group of its parent directory if root makes it. One that exists stays
// as it is.
Result<void> make_directory(const std::string& path, mode_t mode);

}  // namespace imakeep
