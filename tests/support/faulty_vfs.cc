// SPDX-License-Identifier: Apache-2.0
#include "support/faulty_vfs.h"

#include <sqlite3.h>

#include <algorithm>
#include <limits>

namespace imakeep::test {
namespace {

constexpr const char* kName = "imakeep-faulty";

struct State {
  std::uint64_t operations = 0;
  std::uint64_t syncs = 0;
  std::uint64_t fail_at = std::numeric_limits<std::uint64_t>::max();
  Fault fault = Fault::kNoSpace;
  bool lasting = false;
};
State state;  // One VFS at a time: SQLite knows it by its name.

bool fails_now() {
  const std::uint64_t operation = state.operations++;
  return operation == state.fail_at || (state.lasting && operation > state.fail_at);
}

int code(int io_error) {
  return state.fault == Fault::kNoSpace || state.fault == Fault::kShortWrite ? SQLITE_FULL : io_error;
}

sqlite3_vfs* real_vfs() {
  static sqlite3_vfs* const vfs = sqlite3_vfs_find("unix");
  return vfs;
}

struct File {
  sqlite3_file base;
  sqlite3_file* real;  // the file that this object wraps
};

sqlite3_file* real(sqlite3_file* file) {
  return reinterpret_cast<File*>(file)->real;
}

int write(sqlite3_file* file, const void* bytes, int count, sqlite3_int64 offset) {
  sqlite3_file* const under = real(file);
  if (!fails_now()) return under->pMethods->xWrite(under, bytes, count, offset);
  if (state.fault == Fault::kShortWrite) under->pMethods->xWrite(under, bytes, count / 2, offset);
  if (state.fault == Fault::kIoAfter) under->pMethods->xWrite(under, bytes, count, offset);
  return code(SQLITE_IOERR_WRITE);
}

int truncate(sqlite3_file* file, sqlite3_int64 size) {
  sqlite3_file* const under = real(file);
  if (!fails_now()) return under->pMethods->xTruncate(under, size);
  if (state.fault == Fault::kIoAfter) under->pMethods->xTruncate(under, size);
  return code(SQLITE_IOERR_TRUNCATE);
}

int sync(sqlite3_file* file, int flags) {
  ++state.syncs;
  sqlite3_file* const under = real(file);
  if (!fails_now()) return under->pMethods->xSync(under, flags);
  if (state.fault == Fault::kIoAfter) under->pMethods->xSync(under, flags);
  return SQLITE_IOERR_FSYNC;
}

// The rest goes straight on.
int close(sqlite3_file* file) {
  return real(file)->pMethods->xClose(real(file));
}
int read(sqlite3_file* file, void* bytes, int count, sqlite3_int64 offset) {
  return real(file)->pMethods->xRead(real(file), bytes, count, offset);
}
int file_size(sqlite3_file* file, sqlite3_int64* size) {
  return real(file)->pMethods->xFileSize(real(file), size);
}
int lock(sqlite3_file* file, int level) {
  return real(file)->pMethods->xLock(real(file), level);
}
int unlock(sqlite3_file* file, int level) {
  return real(file)->pMethods->xUnlock(real(file), level);
}
int check_reserved_lock(sqlite3_file* file, int* held) {
  return real(file)->pMethods->xCheckReservedLock(real(file), held);
}
int file_control(sqlite3_file* file, int operation, void* argument) {
  return real(file)->pMethods->xFileControl(real(file), operation, argument);
}
int sector_size(sqlite3_file* file) {
  return real(file)->pMethods->xSectorSize(real(file));
}
int device_characteristics(sqlite3_file* file) {
  return real(file)->pMethods->xDeviceCharacteristics(real(file));
}
int shm_map(sqlite3_file* file, int page, int size, int extend, void volatile** memory) {
  return real(file)->pMethods->xShmMap(real(file), page, size, extend, memory);
}
int shm_lock(sqlite3_file* file, int offset, int count, int flags) {
  return real(file)->pMethods->xShmLock(real(file), offset, count, flags);
}
void shm_barrier(sqlite3_file* file) {
  real(file)->pMethods->xShmBarrier(real(file));
}
int shm_unmap(sqlite3_file* file, int remove) {
  return real(file)->pMethods->xShmUnmap(real(file), remove);
}
int fetch(sqlite3_file* file, sqlite3_int64 offset, int count, void** memory) {
  return real(file)->pMethods->xFetch(real(file), offset, count, memory);
}
int unfetch(sqlite3_file* file, sqlite3_int64 offset, void* memory) {
  return real(file)->pMethods->xUnfetch(real(file), offset, memory);
}

constexpr sqlite3_io_methods kMethods = {3,
                                         close,
                                         read,
                                         write,
                                         truncate,
                                         sync,
                                         file_size,
                                         lock,
                                         unlock,
                                         check_reserved_lock,
                                         file_control,
                                         sector_size,
                                         device_characteristics,
                                         shm_map,
                                         shm_lock,
                                         shm_barrier,
                                         shm_unmap,
                                         fetch,
                                         unfetch};

int open(sqlite3_vfs*, const char* name, sqlite3_file* made, int flags, int* out_flags) {
  auto* const file = reinterpret_cast<File*>(made);
  file->base.pMethods = nullptr;
  file->real = reinterpret_cast<sqlite3_file*>(file + 1);
  if ((flags & SQLITE_OPEN_WAL) != 0 && fails_now()) return SQLITE_CANTOPEN;
  const int opened = real_vfs()->xOpen(real_vfs(), name, file->real, flags, out_flags);
  if (file->real->pMethods != nullptr) file->base.pMethods = &kMethods;
  return opened;
}

sqlite3_vfs make_vfs() {
  sqlite3_vfs vfs = *real_vfs();
  vfs.szOsFile += static_cast<int>(sizeof(File));
  vfs.pNext = nullptr;
  vfs.zName = kName;
  vfs.xOpen = open;
  return vfs;
}

sqlite3_vfs vfs = make_vfs();

}  // namespace

FaultyVfs::FaultyVfs() {
  state = {};
  sqlite3_vfs_register(&vfs, 0);
}

FaultyVfs::~FaultyVfs() {
  sqlite3_vfs_unregister(&vfs);
}

std::string FaultyVfs::name() const {
  return kName;
}

void FaultyVfs::fail_at(std::uint64_t operation, Fault fault, bool lasting) {
  state = {.operations = 0, .fail_at = operation, .fault = fault, .lasting = lasting};
}

void FaultyVfs::fail_never() {
  state = {};
}

std::uint64_t FaultyVfs::operations() const {
  return state.operations;
}

std::uint64_t FaultyVfs::syncs() const {
  return state.syncs;
}

}  // namespace imakeep::test
