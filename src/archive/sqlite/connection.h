// archive/sqlite/connection.h - one connection to an archive file: opening, the writer's lock, errors in imakeep's
// words. Threads: an object belongs to one thread at a time.
#pragma once

#include <SQLiteCpp/SQLiteCpp.h>

#include <optional>

#include "archive/sqlite/sqlite_store.h"
#include "base/file.h"

namespace imakeep::archive {

struct SqliteStore::Connection {
  std::string path;
  UniqueFd lock;  // of a writer
  std::optional<SQLite::Database> database;

  // What SQLite said of the attempt, as an error of Store's.
  Error error(const SQLite::Exception& exception, const std::string& attempt) const;

  // Runs `statements`, whose value it returns, with SQLite's exceptions made errors.
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
