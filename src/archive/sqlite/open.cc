// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <sqlite3.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>

#include "archive/sqlite/checksums.h"
#include "archive/sqlite/connection.h"
#include "archive/sqlite/file_system.h"
#include "archive/sqlite/index_space.h"
#include "archive/sqlite/schema.h"

namespace imakeep::archive {
namespace {

constexpr int kBusyTimeoutMs = 5000;
constexpr const char* kNoArchive = "no archive, or its first page is damaged";
constexpr const char* kDiskFull = "the disk is full; committed records are safe; free space and run again";

// If root makes a file next to an archive, the file gets the archive's owner, so that the owner can open it. SQLite
// does the same with its files.
Result<void> give_to_owner_of(const std::string& archive, const UniqueFd& fd, const std::string& name) {
  struct stat owner {};
  if (::geteuid() != 0 || ::stat(archive.c_str(), &owner) != 0) return {};
  if (::fchown(fd.get(), owner.st_uid, owner.st_gid) == 0) return {};
  return fail_errno(errno, "cannot give " + name + " to the owner of the archive");
}

// Nothing removes the lock file. Otherwise one writer could hold the lock of the removed file, and another writer that
// of a new file with the same name.
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
  IMAKEEP_CHECK(give_to_owner_of(path, *fd, name));
  const std::string pid = std::to_string(::getpid());
  if (::ftruncate(fd->get(), 0) != 0) return fail_errno(errno, "cannot write " + name);
  IMAKEEP_CHECK(write_all(fd->get(), as_bytes(pid), name));
  return fd;
}

// Makes the archive file itself, because SQLite would give it another mode. Syncs the directory, so that the file's
// name is durable before the file has contents.
Result<void> make_file(const std::string& path) {
  const auto fd = open_file(path, O_RDWR | O_CREAT, 0600);
  if (!fd) return unexpected(fd.error());
  const std::string directory = std::filesystem::path(path).parent_path().string();
  IMAKEEP_TRY(const auto& directory_fd, open_file(directory.empty() ? "." : directory, O_RDONLY | O_DIRECTORY));
  if (::fsync(directory_fd.get()) != 0) return fail_errno(errno, "cannot sync the directory of " + path);
  return {};
}

// Refuses an empty archive with a log. Commits may exist only in the log, and SQLite deletes the log of an empty
// database.
Result<void> require_no_lone_log(const std::string& path) {
  std::error_code failed;
  const auto is_empty = [&](const std::string& file) {
    const auto size = std::filesystem::file_size(file, failed);
    return failed || size == 0;
  };
  const std::string log = path + "-wal";
  if (!is_empty(path) || is_empty(log)) return {};
  return fail(ErrorCode::kEnvironment,
              log + " exists without its archive, and may hold the only copy of some records: put " + path +
                  " back, or move " + log + " away if that archive is no longer needed");
}

Result<void> require_regular_file(const std::string& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) return fail_errno(errno, "cannot open " + path);
  if (!S_ISREG(status.st_mode)) return fail(ErrorCode::kEnvironment, path + " is not a regular file; name an archive");
  return {};
}

// SQLite's log and the lock file belong to one name of the archive. A second writer that uses another name would see
// neither.
Result<void> require_one_name(const std::string& path) {
  struct statx status {};
  if (::statx(AT_FDCWD, path.c_str(), 0, STATX_NLINK, &status) != 0) return fail_errno(errno, "cannot open " + path);
  if (status.stx_nlink > 1) {
    return fail(ErrorCode::kEnvironment, path + " has another name (a hard link); remove that, or name a copy");
  }
  if ((status.stx_attributes & STATX_ATTR_MOUNT_ROOT) != 0) {
    return fail(ErrorCode::kEnvironment,
                path +
                    " is the mount point of a single file: its -wal, without which records are lost, would be next to "
                    "this name and not next to the file; mount the archive's directory instead");
  }
  return {};
}

// Refuses a file of another format before a lock file is made for it. If the file has a -wal, SQLite may read the first
// page from that, so then nothing is refused.
Result<void> require_first_page(const std::string& path) {
  constexpr std::string_view kFirst("SQLite format 3\0", 16);
  IMAKEEP_TRY(const auto& fd, open_file(path, O_RDONLY));
  char first[kFirst.size()] = {};
  const ssize_t bytes = ::pread(fd.get(), first, sizeof first, 0);
  if (bytes < 0) return fail_errno(errno, "cannot read " + path);
  std::error_code missing;
  if (bytes == 0 || std::string_view(first, sizeof first) == kFirst ||
      std::filesystem::exists(path + "-wal", missing)) {
    return {};
  }
  return fail(ErrorCode::kMalformed, "cannot open " + path + ": " + kNoArchive);
}

// The file name as a URI with a promise to SQLite that nothing will change the file.
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
  // An archive may come from another host, so its schema is not trusted: it may only hold rows, and run nothing.
  sqlite3_db_config(database.getHandle(), SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
  sqlite3_db_config(database.getHandle(), SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, nullptr);
  sqlite3_db_config(database.getHandle(), SQLITE_DBCONFIG_ENABLE_VIEW, 0, nullptr);
  database.exec("PRAGMA trusted_schema=OFF");
  database.exec("PRAGMA cell_size_check=ON");
}

void upgrade(SQLite::Database& database, int version) {
  database.exec("BEGIN IMMEDIATE");
  if (version >= kVersionOfChecksums) check_all_rows(database);
  for (auto step = static_cast<std::size_t>(version); step < kUpgrades.size(); ++step) database.exec(kUpgrades[step]);
  if (version < kVersionOfChecksums) write_data_checksums(database);
  write_all_checksums(database);
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
    return fail(ErrorCode::kMalformed, path + " is not an imakeep archive but another program's SQLite file");
  }
  if (header.version > kSchemaVersion) {
    return fail(ErrorCode::kUnsupported, path + " is an archive of version " + std::to_string(header.version) +
                                             "; this imakeep supports versions up to " +
                                             std::to_string(kSchemaVersion) + ": use the newer imakeep that made it");
  }
  if (header.version < 0 || (header.version == 0 && !untouched)) {
    return fail(ErrorCode::kMalformed, path + " is damaged: its header says version " + std::to_string(header.version));
  }
  return {};
}

int primary_code(const SQLite::Exception& exception) {
  return exception.getErrorCode() & 0xff;
}

// The message for an errno that means a lack of some resource of this process or its disk. A null pointer for any other
// errno.
const char* lacking_resource(int os_errno) {
  switch (os_errno) {
    case ENOSPC:
    case EDQUOT:
      return kDiskFull;
    case EFBIG:
      return "it, its -wal or its -shm would exceed this process's file size limit; committed records are safe; "
             "raise the limit (ulimit -f, LimitFSIZE=) and run again";
    case EMFILE:
    case ENFILE:
      return "too many open files; raise the limit (ulimit -n, LimitNOFILE=) and run again";
    default:
      return nullptr;
  }
}

// SQLite reads the errno after it has rolled back the transaction, and the rollback may have changed it. The archive's
// file object keeps the errno of its own last error.
int system_errno(sqlite3* database) {
  const int last = sqlite3_system_errno(database);
  int of_file = 0;
  sqlite3_file_control(database, "main", SQLITE_FCNTL_LAST_ERRNO, &of_file);
  return last != EIO && lacking_resource(last) == nullptr && lacking_resource(of_file) != nullptr ? of_file : last;
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

// The functions that open a connection leave it in `into` even if they throw, because SQLite returns the errno of the
// failure through the connection.
using OptionalDatabase = std::optional<SQLite::Database>;

void connect_to_read(OptionalDatabase& into, const std::string& name, int flags, const char* vfs) {
  into.emplace(name.c_str(), flags, kBusyTimeoutMs, vfs);
  set_up(*into);
  into->exec("PRAGMA query_only=ON");
  header_of(*into);
}

void open_to_read(OptionalDatabase& into, const std::string& path, const char* vfs) {
  try {
    return connect_to_read(into, path, SQLite::OPEN_READONLY, vfs);
  } catch (const SQLite::Exception& exception) {
    if (primary_code(exception) != SQLITE_CANTOPEN && primary_code(exception) != SQLITE_READONLY) throw;
  }
  // On a read-only medium SQLite cannot make the files of a write-ahead log. It needs none if the archive has no log to
  // read. On any other medium a writer may be active, or SQLite first has to recover what a crashed writer left.
  if (on_read_only_medium(path) && !left_over(path, "-wal") && !left_over(path, "-journal")) {
    return connect_to_read(into, immutable_uri(path), SQLite::OPEN_READONLY | SQLite::OPEN_URI, vfs);
  }
  connect_to_read(into, path, SQLite::OPEN_READWRITE, vfs);
}

void open_to_write(OptionalDatabase& into, const std::string& path, const char* vfs) {
  into.emplace(path.c_str(), SQLite::OPEN_READWRITE, kBusyTimeoutMs, vfs);
  set_up(*into);
}

// Switches to the write-ahead log before the first page is written. A rollback journal would need two syncs for each
// commit, and would block readers.
void start_log(SQLite::Database& database) {
  database.exec("PRAGMA journal_mode=WAL");
  database.exec("PRAGMA synchronous=FULL");
}

}  // namespace

const char* SqliteStore::Connection::vfs_name() const {
  return vfs.empty() ? index_space_vfs() : vfs.c_str();
}

void SqliteStore::Connection::connect_to_write() {
  open_to_write(database, path, vfs_name());
  start_log(*database);
  header_of(*database);  // the first read opens the log
  side_files = side_files_now();
}

SqliteStore::Connection::SideFiles SqliteStore::Connection::side_files_now() const {
  return {.log = identity_of(path + "-wal"), .index = identity_of(path + "-shm")};
}

Error SqliteStore::Connection::error(const SQLite::Exception& exception, const std::string& attempt) const {
  const auto say = [&](ErrorCode kind, const std::string& what) {
    return Error{.code = kind, .message = attempt + " " + path + ": " + what};
  };
  const int system = database ? system_errno(database->getHandle()) : last_open_errno();
  const int code = primary_code(exception);
  if (const char* const lacking =
          code == SQLITE_IOERR || code == SQLITE_CANTOPEN ? lacking_resource(system) : nullptr) {
    return say(ErrorCode::kEnvironment, lacking);
  }
  switch (code) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return say(ErrorCode::kEnvironment, "another process holds it; wait for it or stop it");
    case SQLITE_FULL:
      return say(ErrorCode::kEnvironment, kDiskFull);
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_AUTH:
      return say(ErrorCode::kEnvironment,
                 "it or its directory is read-only; run as its owner, or copy the file and its -wal elsewhere");
    case SQLITE_CANTOPEN:
      return say(ErrorCode::kEnvironment,
                 "it, its -wal or its -shm cannot be opened; reading also needs write access to its directory, "
                 "or a copy of the file and its -wal elsewhere");
    case SQLITE_NOTADB:
      return say(ErrorCode::kMalformed, kNoArchive);
    case SQLITE_CORRUPT:
      return say(ErrorCode::kMalformed,
                 std::string("damaged (") + exception.what() + "); `imakeep log --check` tells where");
    case SQLITE_IOERR:
      return {
          .code = ErrorCode::kIo,
          .message = attempt + " " + path + ": the disk failed (" + exception.what() + "); committed records are safe",
          .os_errno = system};
    case SQLITE_MISUSE:
      return say(ErrorCode::kUsage, exception.what());
    default:
      return say(ErrorCode::kMalformed, exception.what());
  }
}

SqliteStore::SqliteStore(std::unique_ptr<Connection> connection) : connection_(std::move(connection)) {}
SqliteStore::~SqliteStore() = default;

std::optional<FileIdentity> SqliteStore::locked_file() const {
  if (!connection_->file) return std::nullopt;
  return connection_->file->file();
}

Result<std::unique_ptr<SqliteStore>> SqliteStore::open(const std::string& name, OpenMode mode, const std::string& vfs) {
  auto connection = std::make_unique<Connection>();
  const bool made = mode == OpenMode::kCreate && !std::filesystem::exists(name);
  if (made) IMAKEEP_CHECK(make_file(name));
  IMAKEEP_CHECK(require_regular_file(name));
  // The log and the lock file are in the directory of the file itself, not in that of a link to it.
  std::error_code missing;
  const std::filesystem::path real = std::filesystem::canonical(name, missing);
  if (missing) return fail_errno(missing.value(), "cannot open " + name);
  const std::string& path = connection->path = real.string();
  if (mode != OpenMode::kRead) {
    IMAKEEP_CHECK(require_one_name(path));
    IMAKEEP_CHECK(require_first_page(path));
    IMAKEEP_TRY(auto lock, lock_for_writing(path));
    connection->lock = std::move(lock);
    IMAKEEP_TRY(auto file, InodeLock::take(path));
    connection->file.emplace(std::move(file));
    // Under both locks: no other process has made an archive of the new file meanwhile.
    auto usable = require_no_lone_log(path);
    if (usable) usable = require_file_system(path);
    if (!usable) {
      if (made && std::filesystem::file_size(path, missing) == 0) std::filesystem::remove(path, missing);
      return unexpected(usable.error());
    }
  }
  connection->vfs = vfs;
  const char* const vfs_name = connection->vfs_name();
  try {
    if (mode == OpenMode::kRead) {
      open_to_read(connection->database, path, vfs_name);
    } else {
      open_to_write(connection->database, path, vfs_name);
    }
    SQLite::Database& database = *connection->database;
    const Header header = header_of(database);
    IMAKEEP_CHECK(check_header(header, path));
    if (mode != OpenMode::kRead) {
      start_log(database);
      if (header.version < kSchemaVersion) upgrade(database, header.version);
      connection->side_files = connection->side_files_now();
    } else if (header.version == 0) {
      // The first writer was interrupted before its first commit, so the archive is empty.
      connection->database.emplace(empty_archive());
    }
  } catch (const SQLite::Exception& exception) {
    return unexpected(connection->error(exception, "cannot open"));
  }
  return std::unique_ptr<SqliteStore>(new SqliteStore(std::move(connection)));
}

Result<void> SqliteStore::secure() {
  const std::string& path = connection_->path;
  if (identity_of(path) != connection_->file->file()) {
    return fail(ErrorCode::kEnvironment,
                path + " was removed or replaced while it was in use; put it back, or restart imakeep");
  }
  int frames = 0;
  int written = 0;
  sqlite3* const database = connection_->database->getHandle();
  const int code = sqlite3_wal_checkpoint_v2(database, "main", SQLITE_CHECKPOINT_PASSIVE, &frames, &written);
  // If the checkpoint failed, for example on a full disk, the log still has every commit, synced. So it is enough that
  // the log was neither removed nor replaced.
  if (connection_->side_files_now() == connection_->side_files) return {};
  if (code != SQLITE_OK && code != SQLITE_BUSY) {
    return unexpected(connection_->error(SQLite::Exception(database, code), "cannot write"));
  }
  if (code != SQLITE_OK || frames != written) {
    return fail(ErrorCode::kEnvironment, path +
                                             "-wal or -shm was removed or replaced while it was in use, and its "
                                             "contents cannot be written into the archive while that is read");
  }
  // The archive's file holds everything now. Open the log anew, because readers find later commits only in the -wal
  // under the archive's name.
  try {
    connection_->database.reset();
    connection_->connect_to_write();
  } catch (const SQLite::Exception& exception) {
    return unexpected(connection_->error(exception, "cannot open"));
  }
  return {};
}

}  // namespace imakeep::archive
