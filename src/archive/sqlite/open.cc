#include <fcntl.h>
#include <sqlite3.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>

#include "archive/sqlite/connection.h"
#include "archive/sqlite/schema.h"

namespace imakeep::archive {
namespace {

constexpr int kBusyTimeoutMs = 5000;

// The lock file is never removed: whoever removed it could lock a file that nobody else sees.
Result<UniqueFd> lock_for_writing(const std::string& path) {
  const std::string name = path + ".lock";
  auto fd = open_file(name, O_RDWR | O_CREAT | O_NOFOLLOW, 0600);
  if (!fd) return fd;
  if (::flock(fd->get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return fail_errno(errno, "cannot lock " + name);
    const auto holder = read_all(fd->get(), name);
    return fail(ErrorCode::kEnvironment, path + " is being written by process " +
                                             (holder ? std::string(as_text(*holder)) : "?") +
                                             "; wait for it or stop it");
  }
  const std::string pid = std::to_string(::getpid());
  if (::ftruncate(fd->get(), 0) != 0) return fail_errno(errno, "cannot write " + name);
  IMAKEEP_CHECK(write_all(fd->get(), as_bytes(pid), name));
  return fd;
}

// Made here and not by SQLite for its mode; its name is durable before anything is in it.
Result<void> make_file(const std::string& path) {
  const auto fd = open_file(path, O_RDWR | O_CREAT, 0600);
  if (!fd) return unexpected(fd.error());
  const std::string directory = std::filesystem::path(path).parent_path().string();
  const auto directory_fd = open_file(directory.empty() ? "." : directory, O_RDONLY | O_DIRECTORY);
  if (!directory_fd) return unexpected(directory_fd.error());
  if (::fsync(directory_fd->get()) != 0) return fail_errno(errno, "cannot sync the directory of " + path);
  return {};
}

Result<void> require_regular_file(const std::string& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) return fail_errno(errno, "cannot open " + path);
  if (!S_ISREG(status.st_mode)) return fail(ErrorCode::kEnvironment, path + " is no regular file; name an archive");
  return {};
}

// SQLite's log and the lock belong to a name: by another one a second writer would know of neither.
Result<void> require_one_name(const std::string& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) return fail_errno(errno, "cannot open " + path);
  if (status.st_nlink <= 1) return {};
  return fail(ErrorCode::kEnvironment, path + " has another name (a hard link); remove that, or name a copy");
}

// A file name as a URI that says nothing will change the file.
std::string immutable_uri(const std::string& path) {
  std::string uri = "file:";
  for (const char c : path) {
    if (c == '%' || c == '?' || c == '#') {
      uri += '%';
      uri += to_hex(std::as_bytes(std::span(&c, 1)));
    } else {
      uri += c;
    }
  }
  return uri + "?immutable=1";
}

void set_up(SQLite::Database& database) {
  sqlite3_extended_result_codes(database.getHandle(), 1);
  // An archive may come from elsewhere: nothing in its schema may do more than hold rows.
  sqlite3_db_config(database.getHandle(), SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
  sqlite3_db_config(database.getHandle(), SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, nullptr);
  sqlite3_db_config(database.getHandle(), SQLITE_DBCONFIG_ENABLE_VIEW, 0, nullptr);
  database.exec("PRAGMA trusted_schema=OFF");
  database.exec("PRAGMA cell_size_check=ON");
}

void upgrade(SQLite::Database& database, int version) {
  database.exec("BEGIN IMMEDIATE");
  for (auto step = static_cast<std::size_t>(version); step < kUpgrades.size(); ++step) database.exec(kUpgrades[step]);
  database.exec("PRAGMA application_id=" + std::to_string(kApplicationId));
  database.exec("PRAGMA user_version=" + std::to_string(kSchemaVersion));
  database.exec("COMMIT");
}

SQLite::Database empty_archive() {
  SQLite::Database database(":memory:", SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE);
  upgrade(database, 0);
  return database;
}

struct Header {
  int application_id;
  int version;
  int tables;
};

Header header_of(SQLite::Database& database) {
  return {.application_id = database.execAndGet("PRAGMA application_id").getInt(),
          .version = database.execAndGet("PRAGMA user_version").getInt(),
          .tables = database.execAndGet("SELECT count(*) FROM sqlite_master").getInt()};
}

Result<void> check_header(const Header& header, const std::string& path) {
  const bool untouched = header.application_id == 0 && header.version == 0 && header.tables == 0;
  if (header.application_id != kApplicationId && !untouched) {
    return fail(ErrorCode::kMalformed, path + " is no archive of imakeep but another program's SQLite file");
  }
  if (header.version > kSchemaVersion) {
    return fail(ErrorCode::kUnsupported, path + " is an archive of version " + std::to_string(header.version) +
                                             "; this imakeep knows up to " + std::to_string(kSchemaVersion) +
                                             ": use the newer one that made it");
  }
  if (header.version < 0)
    return fail(ErrorCode::kMalformed, path + " says it is of version " + std::to_string(header.version));
  return {};
}

int primary_code(const SQLite::Exception& exception) {
  return exception.getErrorCode() & 0xff;
}

bool left_over(const std::string& path, const char* suffix) {
  std::error_code missing;
  const auto bytes = std::filesystem::file_size(path + suffix, missing);
  return !missing && bytes > 0;
}

bool on_read_only_medium(const std::string& path) {
  struct statvfs status {};
  return ::statvfs(path.c_str(), &status) == 0 && (status.f_flag & ST_RDONLY) != 0;
}

SQLite::Database connect_to_read(const std::string& name, int flags, const char* vfs) {
  SQLite::Database database(name.c_str(), flags, kBusyTimeoutMs, vfs);
  set_up(database);
  database.exec("PRAGMA query_only=ON");
  header_of(database);
  return database;
}

SQLite::Database open_to_read(const std::string& path, const char* vfs) {
  try {
    return connect_to_read(path, SQLite::OPEN_READONLY, vfs);
  } catch (const SQLite::Exception& exception) {
    if (primary_code(exception) != SQLITE_CANTOPEN && primary_code(exception) != SQLITE_READONLY) throw;
  }
  // A read-only medium has no room for the files of a write-ahead log; without a log to read, none are needed.
  // Elsewhere somebody may be writing, and what a writer that died left has to be gone through first.
  if (on_read_only_medium(path) && !left_over(path, "-wal") && !left_over(path, "-journal")) {
    return connect_to_read(immutable_uri(path), SQLite::OPEN_READONLY | SQLite::OPEN_URI, vfs);
  }
  return connect_to_read(path, SQLite::OPEN_READWRITE, vfs);
}

SQLite::Database open_to_write(const std::string& path, const char* vfs) {
  SQLite::Database database(path.c_str(), SQLite::OPEN_READWRITE, kBusyTimeoutMs, vfs);
  set_up(database);
  return database;
}

// The log before the first page: a rollback journal would be synced twice a commit, and keep readers out.
void start_log(SQLite::Database& database) {
  database.exec("PRAGMA journal_mode=WAL");
  database.exec("PRAGMA synchronous=FULL");
}

}  // namespace

Error SqliteStore::Connection::error(const SQLite::Exception& exception, const std::string& attempt) const {
  const auto say = [&](ErrorCode code, const std::string& what) {
    return Error{.code = code, .message = attempt + " " + path + ": " + what};
  };
  const int system = database ? sqlite3_system_errno(database->getHandle()) : 0;
  switch (primary_code(exception)) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return say(ErrorCode::kEnvironment, "another process holds it; wait for it or stop it");
    case SQLITE_FULL:
      return say(ErrorCode::kEnvironment, "the disk is full; what was committed is safe, free space and run again");
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_AUTH:
      return say(ErrorCode::kEnvironment,
                 "it or its directory is read-only; run as its owner, or copy the file and its -wal elsewhere");
    case SQLITE_CANTOPEN:
      return say(ErrorCode::kEnvironment,
                 "it or the files beside it cannot be opened; reading needs write access to its directory "
                 "too, or a copy of the file and its -wal elsewhere");
    case SQLITE_NOTADB:
      return say(ErrorCode::kMalformed, "no archive, or its first page is damaged");
    case SQLITE_CORRUPT:
      return say(ErrorCode::kMalformed,
                 std::string("damaged (") + exception.what() + "); `imakeep log --check` tells where");
    case SQLITE_IOERR:
      if (system == ENOSPC || system == EDQUOT) {
        return say(ErrorCode::kEnvironment, "the disk is full; what was committed is safe, free space and run again");
      }
      return {
          .code = ErrorCode::kIo,
          .message = attempt + " " + path + ": the disk failed (" + exception.what() + "); what was committed is safe",
          .os_errno = system};
    default:
      return say(ErrorCode::kMalformed, exception.what());
  }
}

SqliteStore::SqliteStore(std::unique_ptr<Connection> connection) : connection_(std::move(connection)) {}
SqliteStore::~SqliteStore() = default;

Result<std::unique_ptr<SqliteStore>> SqliteStore::open(const std::string& name, OpenMode mode, const std::string& vfs) {
  auto connection = std::make_unique<Connection>();
  if (mode == OpenMode::kCreate && !std::filesystem::exists(name)) IMAKEEP_CHECK(make_file(name));
  IMAKEEP_CHECK(require_regular_file(name));
  // The log and the lock lie beside the file itself, not beside a link to it.
  std::error_code missing;
  const std::filesystem::path real = std::filesystem::canonical(name, missing);
  if (missing) return fail_errno(missing.value(), "cannot open " + name);
  const std::string& path = connection->path = real.string();
  if (mode != OpenMode::kRead) {
    IMAKEEP_CHECK(require_one_name(path));
    auto lock = lock_for_writing(path);
    if (!lock) return unexpected(lock.error());
    connection->lock = std::move(*lock);
  }
  const char* const vfs_name = vfs.empty() ? nullptr : vfs.c_str();
  try {
    connection->database.emplace(mode == OpenMode::kRead ? open_to_read(path, vfs_name)
                                                         : open_to_write(path, vfs_name));
    SQLite::Database& database = *connection->database;
    const Header header = header_of(database);
    IMAKEEP_CHECK(check_header(header, path));
    if (mode != OpenMode::kRead) {
      start_log(database);
      if (header.version < kSchemaVersion) upgrade(database, header.version);
    } else if (header.version == 0) {
      // Its making was interrupted before the first commit: there is nothing in it.
      connection->database.emplace(empty_archive());
    }
  } catch (const SQLite::Exception& exception) {
    return unexpected(connection->error(exception, "cannot open"));
  }
  return std::unique_ptr<SqliteStore>(new SqliteStore(std::move(connection)));
}

}  // namespace imakeep::archive
