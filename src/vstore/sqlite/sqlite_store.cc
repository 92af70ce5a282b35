// SPDX-License-Identifier: Apache-2.0
#include "vstore/sqlite/sqlite_store.h"

#include <SQLiteCpp/SQLiteCpp.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <mutex>
#include <unordered_map>

#include "base/file.h"
#include "vstore/sql/dialect.h"
#include "vstore/sql/schema.h"
#include "vstore/sql/sql_store.h"

namespace imakeep::vstore {
namespace {

// PRAGMA application_id marks a verifier's file: "imkv". PRAGMA user_version is its schema version.
constexpr int kApplicationId = 0x696d6b76;
constexpr int kBusyTimeoutMs = 1000;

// Makes the file itself, because SQLite would give it another mode. Syncs the directory, so that the file's name is
// durable before the file has contents.
Result<void> make_file(const std::string& path) {
  IMAKEEP_TRY(const auto& fd, open_file(path, O_RDWR | O_CREAT, 0600));
  struct stat status {};
  if (::fstat(fd.get(), &status) != 0) return fail_errno(errno, "cannot open " + path);
  if (!S_ISREG(status.st_mode)) {
    return fail(ErrorCode::kEnvironment, path + " is not a regular file; name a file of the verifier's own");
  }
  const std::string directory = std::filesystem::path(path).parent_path().string();
  IMAKEEP_TRY(const auto& directory_fd, open_file(directory.empty() ? "." : directory, O_RDONLY | O_DIRECTORY));
  if (::fsync(directory_fd.get()) != 0) return fail_errno(errno, "cannot sync the directory of " + path);
  return {};
}

// Whether the disk, or what this user may have of it, is full. SQLite reads the errno after it has rolled back, and the
// rollback may have changed it. The file's object keeps the errno of its own last error.
bool is_full(sqlite3* database) {
  int of_file = 0;
  sqlite3_file_control(database, "main", SQLITE_FCNTL_LAST_ERRNO, &of_file);
  for (const int code : {sqlite3_system_errno(database), of_file}) {
    if (code == ENOSPC || code == EDQUOT || code == EFBIG) return true;
  }
  return false;
}

// `database` may be a null pointer: then the file could not be opened.
Error error_of(const SQLite::Exception& exception, sqlite3* database, const std::string& path) {
  const auto say = [&](ErrorCode code, const std::string& what) {
    return Error{.code = code, .message = path + ": " + what};
  };
  switch (exception.getErrorCode() & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return say(ErrorCode::kEnvironment,
                 "another process writes the verifier's database all the time; try again later");
    case SQLITE_FULL:
      return say(ErrorCode::kEnvironment, "the disk is full; free space, then try again");
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_AUTH:
      return say(ErrorCode::kEnvironment,
                 "the file or its directory is read-only; run as its owner, or make it writable");
    case SQLITE_CANTOPEN:
      return say(ErrorCode::kEnvironment,
                 "the file, its -wal or its -shm cannot be opened; check the directory and its permissions");
    case SQLITE_NOTADB:
      return say(ErrorCode::kMalformed, "this is not a verifier's database; name another file");
    case SQLITE_CORRUPT:
      return say(ErrorCode::kMalformed,
                 std::string("the file is damaged (") + exception.what() + "); restore it from a backup");
    case SQLITE_IOERR:
      // A commit may be whole on the disk although the disk failed to confirm it.
      if (database != nullptr && is_full(database)) {
        return say(ErrorCode::kIo, "the disk is full; free space, and look whether the change took effect");
      }
      return say(ErrorCode::kIo, std::string("the disk failed (") + exception.what() +
                                     "); check it, and look whether the change took effect");
    case SQLITE_NOMEM:
      return say(ErrorCode::kEnvironment, "memory ran out; free some, then try again");
    default:
      return say(ErrorCode::kMalformed,
                 std::string("SQLite refused a statement (") + exception.what() + "); check the file's tables");
  }
}

tl::unexpected<Failure> failure_of(const SQLite::Exception& exception, sqlite3* database, const std::string& path) {
  const int code = exception.getErrorCode() & 0xff;
  const bool again = code == SQLITE_BUSY || code == SQLITE_LOCKED;
  return tl::unexpected<Failure>(Failure{.error = error_of(exception, database, path),
                                         .then = again ? Failure::Then::kAgain : Failure::Then::kGiveUp});
}

void bind(SQLite::Statement& statement, int at, const Param& param) {
  if (const auto* const number = std::get_if<std::int64_t>(&param)) {
    statement.bind(at, *number);
  } else if (const auto* const text = std::get_if<std::string_view>(&param)) {
    statement.bind(at, std::string(*text));
  } else if (const auto* const bytes = std::get_if<ByteView>(&param)) {
    // SQLite stores NULL for a null pointer, not an empty value.
    const void* const from = bytes->empty() ? static_cast<const void*>("") : bytes->data();
    statement.bindNoCopy(at, from, static_cast<int>(bytes->size()));
  } else {
    statement.bind(at);
  }
}

Value value_of(const SQLite::Column& column) {
  switch (column.getType()) {
    case SQLITE_INTEGER:
      return column.getInt64();
    case SQLITE_TEXT:
      return column.getString();
    case SQLITE_BLOB: {
      const auto* const from = static_cast<const std::byte*>(column.getBlob());
      return from == nullptr ? Bytes() : Bytes(from, from + column.getBytes());
    }
    default:
      return std::monostate();
  }
}

// What the sessions of one store share. The busy handler of SQLite sleeps; threads of this process wait on a mutex
// instead.
struct Shared {
  std::string path;
  std::string vfs;
  std::mutex writing;
};

class SqliteSession : public Session {
 public:
  explicit SqliteSession(std::shared_ptr<Shared> shared)
      : shared_(std::move(shared)), database_(shared_->path, SQLite::OPEN_READWRITE, kBusyTimeoutMs, shared_->vfs) {
    sqlite3_extended_result_codes(database_.getHandle(), 1);
    // The file may have been anywhere, so its schema is not trusted: it may hold rows only, and run nothing.
    sqlite3_db_config(database_.getHandle(), SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
    sqlite3_db_config(database_.getHandle(), SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, nullptr);
  }
  ~SqliteSession() override { SqliteSession::rollback(); }
  SqliteSession(const SqliteSession&) = delete;
  SqliteSession& operator=(const SqliteSession&) = delete;

  bool usable() override { return usable_; }
  void set_deadline(Deadline) override {}

  Outcome<void> begin() override {
    return guarded([&]() -> Outcome<void> {
      writing_ = std::unique_lock(shared_->writing);
      database_.exec("BEGIN IMMEDIATE");
      return {};
    });
  }

  Outcome<std::vector<Reply>> run(std::span<const Statement> statements, Finish finish) override {
    return guarded([&]() -> Outcome<std::vector<Reply>> {
      std::vector<Reply> replies;
      for (const Statement& statement : statements) replies.push_back(run_one(statement));
      if (finish == Finish::kCommit) {
        database_.exec("COMMIT");
        writing_ = {};
      }
      return replies;
    });
  }

  void rollback() noexcept override {
    // SQLite may have rolled back already, after a full disk for example.
    if (writing_.owns_lock() && sqlite3_get_autocommit(database_.getHandle()) == 0 &&
        sqlite3_exec(database_.getHandle(), "ROLLBACK", nullptr, nullptr, nullptr) != SQLITE_OK) {
      usable_ = false;
    }
    if (writing_.owns_lock()) writing_.unlock();
  }

  Outcome<void> migrate(const std::vector<std::string>& steps) {
    return guarded([&]() -> Outcome<void> {
      if (auto checked = check_header(steps); !checked) return give_up(std::move(checked).error());
      // The write-ahead log needs one sync for a commit, and lets readers read meanwhile.
      database_.exec("PRAGMA journal_mode=WAL");
      set_up_connection();
      if (version() == static_cast<std::int64_t>(steps.size())) return {};
      IMAKEEP_VSTORE_CHECK(begin());
      // Another process may have upgraded the file since.
      if (auto checked = check_header(steps); !checked) return give_up(std::move(checked).error());
      for (auto step = static_cast<std::size_t>(version()); step < steps.size(); ++step) {
        database_.exec(schema_for_sqlite(steps[step]));
      }
      database_.exec("PRAGMA application_id=" + std::to_string(kApplicationId));
      database_.exec("PRAGMA user_version=" + std::to_string(steps.size()));
      database_.exec("COMMIT");
      writing_ = {};
      return {};
    });
  }

  // The mode of the file's log lasts, but the pragmas of a connection do not.
  void set_up_connection() { database_.exec("PRAGMA synchronous=FULL"); }

 private:
  template <class Body>
  auto guarded(Body&& body) -> std::invoke_result_t<Body> {
    try {
      return body();
    } catch (const SQLite::Exception& exception) {
      // Any other error may be that of this connection: open the file anew next time.
      const int code = exception.getErrorCode() & 0xff;
      usable_ = code == SQLITE_BUSY || code == SQLITE_FULL || code == SQLITE_CONSTRAINT;
      return failure_of(exception, database_.getHandle(), shared_->path);
    }
  }

  std::int64_t pragma(const char* name) { return database_.execAndGet(std::string("PRAGMA ") + name).getInt64(); }
  std::int64_t version() { return pragma("user_version"); }

  Result<void> check_header(const std::vector<std::string>& steps) {
    const bool untouched = pragma("application_id") == 0 && version() == 0 &&
                           database_.execAndGet("SELECT count(*) FROM sqlite_master").getInt() == 0;
    if (untouched) return {};
    if (pragma("application_id") != kApplicationId) {
      return fail(ErrorCode::kMalformed,
                  shared_->path + " is not a verifier's database but another program's SQLite file; name another file");
    }
    return check_version(shared_->path, version(), steps.size());
  }

  SQLite::Statement& prepared(const char* sql) {
    auto& slot = statements_[sql];
    if (!slot) slot = std::make_unique<SQLite::Statement>(database_, for_sqlite(sql));
    return *slot;
  }

  Reply run_one(const Statement& statement) {
    SQLite::Statement& run = prepared(statement.sql);
    const std::size_t width = statement.types.size();
    const std::size_t count = statement.batch ? statement.arguments.size() / width : 1;
    Reply reply;
    for (std::size_t row = 0; row < count; ++row) {
      // Ends the statement also if it throws, since an unfinished one would hold a read transaction.
      const std::unique_ptr<SQLite::Statement, void (*)(SQLite::Statement*)> finished(
          &run, [](SQLite::Statement* ended) { ended->tryReset(); });
      for (std::size_t i = 0; i < width; ++i) bind(run, static_cast<int>(i + 1), statement.arguments[row * width + i]);
      while (run.executeStep()) {
        Row& values = reply.rows.emplace_back();
        for (int i = 0; i < run.getColumnCount(); ++i) values.push_back(value_of(run.getColumn(i)));
      }
      reply.changed += static_cast<std::uint64_t>(sqlite3_changes64(database_.getHandle()));
    }
    return reply;
  }

  std::shared_ptr<Shared> shared_;
  SQLite::Database database_;
  std::unordered_map<const char*, std::unique_ptr<SQLite::Statement>> statements_;
  std::unique_lock<std::mutex> writing_;  // held from begin() to the end of the transaction
  bool usable_ = true;
};

class SqliteDatabase : public Database {
 public:
  SqliteDatabase(const std::string& path, const SqliteOptions& options)
      : shared_(std::make_shared<Shared>()), steps_(schema_steps()) {
    shared_->path = path;
    shared_->vfs = options.vfs;
    steps_.insert(steps_.end(), options.more_steps.begin(), options.more_steps.end());
  }

  const std::string& name() const override { return shared_->path; }

  Outcome<std::unique_ptr<Session>> connect(Deadline) override {
    try {
      auto session = std::make_unique<SqliteSession>(shared_);
      session->set_up_connection();
      return session;
    } catch (const SQLite::Exception& exception) {
      return failure_of(exception, nullptr, shared_->path);
    }
  }

  Outcome<void> migrate(Session& session) override { return static_cast<SqliteSession&>(session).migrate(steps_); }

  Outcome<void> prepare_history(Session&, std::span<const std::int64_t>) override { return {}; }

  Outcome<void> drop_history(Session& session, std::int64_t first_kept_unix_s) override {
    const Statement drop{
        .sql = "DELETE FROM history WHERE at_unix_s < $1", .types = "i", .arguments = {first_kept_unix_s}};
    IMAKEEP_VSTORE_CHECK(session.begin());
    IMAKEEP_VSTORE_CHECK(session.run(std::span(&drop, 1), Finish::kCommit));
    return {};
  }

 private:
  std::shared_ptr<Shared> shared_;
  std::vector<std::string> steps_;
};

}  // namespace

Result<std::unique_ptr<Store>> open_sqlite_store(const std::string& path, const SqliteOptions& options) {
  IMAKEEP_CHECK(make_file(path));
  return SqlStore::open(std::make_unique<SqliteDatabase>(path, options), {});
}

}  // namespace imakeep::vstore
