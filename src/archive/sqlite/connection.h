// SPDX-License-Identifier: Apache-2.0
// archive/sqlite/connection.h - one connection to an archive file: it opens the file, holds the writer's locks, and
// translates SQLite's errors. Threads: an object belongs to one thread at a time.
#pragma once

#include <SQLiteCpp/SQLiteCpp.h>

#include <optional>

#include "archive/sqlite/inode_lock.h"
#include "archive/sqlite/sqlite_store.h"
#include "base/file.h"

namespace imakeep::archive {

struct SqliteStore::Connection {
  // The files next to the archive that SQLite has open.
  struct SideFiles {
    std::optional<FileIdentity> log;    // -wal
    std::optional<FileIdentity> index;  // -shm

    friend bool operator==(const SideFiles&, const SideFiles&) = default;
  };

  std::string path;
  std::string vfs;                // empty: the VFS of index_space.h
  UniqueFd lock;                  // writers only: the lock on the file .lock, which contains the writer's pid
  std::optional<InodeLock> file;  // writers only: the lock on the archive itself
  std::optional<SQLite::Database> database;
  SideFiles side_files;  // writers only: the files when the write-ahead log was opened

  const char* vfs_name() const;

  // For a writer: opens the database and its write-ahead log, and sets `side_files`.
  void connect_to_write();
  SideFiles side_files_now() const;

  // The error of Store that corresponds to SQLite's exception. The message begins with `attempt`.
  Error error(const SQLite::Exception& exception, const std::string& attempt) const;

  // Runs `statements` and returns their value. Turns SQLite's exceptions into errors.
  template <class Statements>
  auto run(const char* attempt, Statements&& statements) -> Result<decltype(statements(*database))> {
    try {
      if constexpr (std::is_void_v<decltype(statements(*database))>) {
        statements(*database);
        return {};
      } else {
        return statements(*database);
      }
    } catch (const SQLite::Exception& exception) {
      return unexpected(error(exception, attempt));
    }
  }
};

}  // namespace imakeep::archive
