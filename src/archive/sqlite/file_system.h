// SPDX-License-Identifier: Apache-2.0
// archive/sqlite/file_system.h - checks whether a writer can use an archive on a file system.
//
// SQLite's write-ahead log needs POSIX locks, and memory that all processes with the archive open share (FILE-shm,
// mapped). Some file systems lack these (9p without a cache, FUSE with direct I/O). Network file systems provide them
// only within one host. Source: https://sqlite.org/wal.html, "Advantages"; https://sqlite.org/useovernet.html.
// Threads: safe from any thread, for different paths.
#pragma once

#include <string>

#include "base/result.h"

namespace imakeep::archive {

// Refuses network file systems by their type. Tests any other file system with a temporary file next to `path`. Errors:
// kEnvironment; the message has the reason and a remedy. If the file system is full or not writable, the test is
// impossible and the call succeeds: opening the archive reports that.
Result<void> require_file_system(const std::string& path);

}  // namespace imakeep::archive
