// SPDX-License-Identifier: Apache-2.0
// vstore/sqlite/sqlite_store.h - the verifier's rows in one SQLite file: write-ahead log, synchronous=FULL.
//
// Several processes of one host may have the file open, and the file must be on a local disk. One transaction writes at
// a time; the others wait. A new file has mode 0600, because it holds keys and what runs on the hosts. While the file
// is open, FILE-wal and FILE-shm are next to it. Source: https://sqlite.org/wal.html. Threads: as vstore::Store.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "vstore/store.h"

namespace imakeep::vstore {

struct SqliteOptions {
  std::string vfs = {};                      // a registered SQLite VFS; empty: SQLite's default
  std::vector<std::string> more_steps = {};  // of the schema, for tests of upgrades
};

// Opens the file, or makes it. Upgrades an older schema. Errors, in addition to Store's:
//   kEnvironment  no such directory, no regular file, no permission
//   kMalformed    not an SQLite file, or that of another application
//   kUnsupported  made by a newer imakeep
Result<std::unique_ptr<Store>> open_sqlite_store(const std::string& path, const SqliteOptions& options = {});

}  // namespace imakeep::vstore
