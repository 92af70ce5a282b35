// SPDX-License-Identifier: Apache-2.0
#include "archive/sqlite/index_space.h"

#include <dirent.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <memory>
#include <new>
#include <optional>
#include <string>
#include <utility>

#include "archive/sqlite/inode_lock.h"

namespace imakeep::archive {
namespace {

constexpr const char* kName = "imakeep";

thread_local int open_errno = 0;             // of the last open
thread_local int open_errno_for_sqlite = 0;  // the same, for SQLite, which asks only after it has closed other files

sqlite3_vfs* unix_vfs() {
  static sqlite3_vfs* const vfs = sqlite3_vfs_find("unix");
  return vfs;
}

// This VFS's part of an open file. It follows SQLite's own object in the memory that SQLite allocates for the file.
struct Extra {
  sqlite3_io_methods methods;       // SQLite's, with map_region() for xShmMap
  const sqlite3_io_methods* under;  // SQLite's
  const char* name;                 // valid while the file is open: https://sqlite.org/c3ref/vfs.html, xOpen
};

std::size_t extra_offset() {
  const auto size = static_cast<std::size_t>(unix_vfs()->szOsFile);
  return (size + alignof(Extra) - 1) / alignof(Extra) * alignof(Extra);
}

Extra* extra_of(sqlite3_file* file) {
  return std::launder(reinterpret_cast<Extra*>(reinterpret_cast<std::byte*>(file) + extra_offset()));
}

struct CloseDirectory {
  void operator()(DIR* directory) const { ::closedir(directory); }
};

// SQLite's own descriptor of the file. This VFS must not open another one: closing that would drop SQLite's fcntl(2)
// locks.
std::optional<int> open_descriptor_of(const FileIdentity& file) {
  const std::unique_ptr<DIR, CloseDirectory> descriptors(::opendir("/proc/self/fd"));
  if (!descriptors) return std::nullopt;
  // NOLINTNEXTLINE(concurrency-mt-unsafe): readdir(3) is unsafe only where two threads share a directory stream
  while (const dirent* const entry = ::readdir(descriptors.get())) {
    const char* const end = entry->d_name + std::strlen(entry->d_name);
    int fd = -1;
    if (std::from_chars(entry->d_name, end, fd).ptr != end) continue;
    // One of the descriptors may belong to a file whose server (FUSE, network) hangs. AT_STATX_DONT_SYNC asks only the
    // kernel, which knows the identity of an open file.
    struct statx status {};
    if (::statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_INO, &status) != 0) continue;
    if (::makedev(status.stx_dev_major, status.stx_dev_minor) != file.device || status.stx_ino != file.inode) continue;
    const int flags = ::fcntl(fd, F_GETFL);
    if (flags >= 0 && (flags & O_ACCMODE) == O_RDWR) return fd;
  }
  return std::nullopt;
}

// Extends the file with zeros, for file systems without fallocate(2). REQUIRES: the caller may extend the file.
int write_zeros(int fd, off_t from, off_t end) {
  static constexpr std::array<std::byte, 4096> kZeros{};
  while (from < end) {
    const auto count = std::min<std::size_t>(kZeros.size(), static_cast<std::size_t>(end - from));
    const ssize_t put = ::pwrite(fd, kZeros.data(), count, from);
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) return errno;
    from += put;
  }
  return 0;
}

// Allocates the blocks of the bytes from `from` to `end`. Returns an errno; 0 on success, and also if the file is not
// open for writing or would have to be extended without `extend`.
int allocate(const std::string& path, off_t from, off_t end, bool extend) {
  const auto file = identity_of(path);
  const auto fd = file ? open_descriptor_of(*file) : std::nullopt;
  struct stat status {};
  if (!fd || ::fstat(*fd, &status) != 0) return 0;
  // SQLite maps no region beyond the end, unless it may extend the file.
  if (status.st_size < end && !extend) return 0;
  int error = 0;
  do {
    error = ::fallocate(*fd, 0, from, end - from) == 0 ? 0 : errno;
  } while (error == EINTR);
  if (error == EOPNOTSUPP && extend && status.st_size < end) error = write_zeros(*fd, status.st_size, end);
  return error;
}

// Implements xShmMap.
int map_region(sqlite3_file* file, int region, int region_bytes, int extend, void volatile** memory) {
  const Extra* const extra = extra_of(file);
  // This call opens FILE-shm if it is not open yet.
  const int mapped = extra->under->xShmMap(file, region, region_bytes, 0, memory);
  if (mapped != SQLITE_OK) return mapped;
  // SQLite maps whole pages of memory if these are larger than a region.
  const off_t unit = std::max<off_t>(region_bytes, ::sysconf(_SC_PAGESIZE));
  const off_t from = static_cast<off_t>(region) * region_bytes / unit * unit;
  const int error = allocate(std::string(extra->name) + "-shm", from, from + unit, extend != 0);
  if (error == ENOSPC || error == EDQUOT || error == EFBIG) {
    *memory = nullptr;
    errno = error;  // for sqlite3_system_errno(), so that the caller can tell a full disk from a limit of the process
    return SQLITE_IOERR_SHMSIZE;
  }
  return extend == 0 ? mapped : extra->under->xShmMap(file, region, region_bytes, extend, memory);
}

int last_error(sqlite3_vfs*, int, char*) {
  const int of_system = errno;
  const int of_open = std::exchange(open_errno_for_sqlite, 0);
  return of_open != 0 ? of_open : of_system;
}

int open(sqlite3_vfs*, const char* name, sqlite3_file* file, int flags, int* out_flags) {
  const int opened = unix_vfs()->xOpen(unix_vfs(), name, file, flags, out_flags);
  open_errno = opened == SQLITE_OK ? 0 : errno;
  open_errno_for_sqlite = open_errno;
  const sqlite3_io_methods* const under = file->pMethods;
  const bool shares_index = (flags & SQLITE_OPEN_MAIN_DB) != 0 && name != nullptr && under != nullptr &&
                            under->iVersion >= 2 && under->xShmMap != nullptr;
  if (opened != SQLITE_OK || !shares_index) return opened;
  auto* const extra =
      new (reinterpret_cast<std::byte*>(file) + extra_offset()) Extra{.methods = *under, .under = under, .name = name};
  extra->methods.xShmMap = map_region;
  file->pMethods = &extra->methods;
  return opened;
}

bool register_vfs() {
  if (unix_vfs() == nullptr) return false;
  static sqlite3_vfs vfs = *unix_vfs();
  vfs.szOsFile = static_cast<int>(extra_offset() + sizeof(Extra));
  vfs.pNext = nullptr;
  vfs.zName = kName;
  vfs.xOpen = open;
  vfs.xGetLastError = last_error;
  return sqlite3_vfs_register(&vfs, 0) == SQLITE_OK;
}

}  // namespace

const char* index_space_vfs() {
  static const bool registered = register_vfs();
  return registered ? kName : nullptr;
}

int last_open_errno() {
  return open_errno;
}

}  // namespace imakeep::archive
