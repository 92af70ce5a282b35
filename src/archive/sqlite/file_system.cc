// SPDX-License-Identifier: Apache-2.0
#include "archive/sqlite/file_system.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/mman.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "base/file.h"

namespace imakeep::archive {
namespace {

constexpr std::size_t kProbeBytes = 4096;

Error unfit(const std::string& path, const std::string& why) {
  return {.code = ErrorCode::kEnvironment,
          .message = path + ": its file system does not support a writable archive: " + why +
                     "; put the archive on a local disk, such as ext4 or XFS"};
}

struct Network {
  std::uint32_t magic;
  const char* name;
};
constexpr std::array<Network, 6> kNetworks{{{NFS_SUPER_MAGIC, "NFS"},
                                            {SMB_SUPER_MAGIC, "SMB"},
                                            {0xff534d42, "SMB"},  // CIFS_SUPER_MAGIC
                                            {0xfe534d42, "SMB"},  // SMB2_SUPER_MAGIC
                                            {0x00c36400, "Ceph"},
                                            {AFS_SUPER_MAGIC, "AFS"}}};

// Whether the descriptor reads what the mapping writes, and the mapping reads what the descriptor writes.
bool is_coherent(int fd, char* mapped) {
  char read = 0;
  mapped[0] = 'm';
  if (::pread(fd, &read, 1, 0) != 1 || read != 'm') return false;
  return ::pwrite(fd, "w", 1, 1) == 1 && mapped[1] == 'w';
}

Result<void> try_mapping(int fd, const std::string& path) {
  // Allocate the blocks before the write to the mapping: on a full disk that write would raise SIGBUS.
  const std::array<char, kProbeBytes> zeros{};
  if (::pwrite(fd, zeros.data(), zeros.size(), 0) != static_cast<ssize_t>(zeros.size())) return {};
  void* const mapped = ::mmap(nullptr, kProbeBytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (mapped == MAP_FAILED) {
    if (errno == ENOMEM || errno == EAGAIN) return {};
    return unexpected(unfit(path, "files on it cannot be mapped as shared memory"));
  }
  const bool coherent = is_coherent(fd, static_cast<char*>(mapped));
  ::munmap(mapped, kProbeBytes);
  if (!coherent) return unexpected(unfit(path, "read() and a shared mapping show different contents of a file"));
  return {};
}

Result<void> try_lock(int fd, const std::string& path) {
  struct flock lock {};
  lock.l_type = F_WRLCK;
  lock.l_whence = SEEK_SET;
  lock.l_len = 1;
  const bool locked = ::fcntl(fd, F_SETLK, &lock) == 0;
  if (locked || (errno != ENOSYS && errno != EOPNOTSUPP && errno != EINVAL)) return {};
  return unexpected(unfit(path, "files on it cannot be locked"));
}

}  // namespace

Result<void> require_file_system(const std::string& path) {
  struct statfs status {};
  if (::statfs(path.c_str(), &status) != 0) return {};
  const auto network = std::ranges::find(kNetworks, static_cast<std::uint32_t>(status.f_type), &Network::magic);
  if (network != kNetworks.end()) {
    return unexpected(unfit(path, std::string("it is ") + network->name + ", which other hosts may share"));
  }
  // It loses its name at once, so that nothing is left of it after a crash.
  const std::string probe = path + "-probe";
  const UniqueFd fd(::open(probe.c_str(), O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
  ::unlink(probe.c_str());
  if (!fd.valid()) return {};
  IMAKEEP_CHECK(try_mapping(fd.get(), path));
  return try_lock(fd.get(), path);
}

}  // namespace imakeep::archive
