// SPDX-License-Identifier: Apache-2.0
// archive/sqlite/index_space.h - an SQLite VFS: SQLite's own "unix", except that it allocates the disk blocks of the
// write-ahead log's index (FILE-shm) before SQLite maps the index.
//
// SQLite writes to FILE-shm through shared mappings. It extends the file by writing one byte for each 4 KiB. If the
// file system's blocks have 1 or 2 KiB, the file system allocates most blocks only when SQLite writes to the mapping.
// If the disk is full then, Linux sends SIGBUS. With this VFS, the call that maps the region fails instead, with
// SQLITE_IOERR_SHMSIZE, and sqlite3_system_errno() returns the cause. If a file cannot be opened,
// sqlite3_system_errno() also returns the errno of that; SQLite's own VFS loses it when it then closes other files.
//
// Source: unixShmMap() in SQLite's os_unix.c, https://sqlite.org/vfs.html, fallocate(2). Threads: safe from any thread.
#pragma once

namespace imakeep::archive {

// The name of the VFS. The first call registers it. If this SQLite has no "unix", the result is a null pointer, which
// means SQLite's default VFS.
const char* index_space_vfs();

// The errno of this thread's last open through the VFS, 0 if it succeeded. Use it if an archive could not be opened:
// then no connection exists that could be asked.
int last_open_errno();

}  // namespace imakeep::archive
