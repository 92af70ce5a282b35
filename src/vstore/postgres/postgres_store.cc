// SPDX-License-Identifier: Apache-2.0
#include "vstore/postgres/postgres_store.h"

#include <libpq-fe.h>
#include <poll.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <optional>
#include <set>
#include <unordered_map>

#include "base/freed_by.h"
#include "base/mutex.h"
#include "base/text.h"
#include "vstore/postgres/binary.h"
#include "vstore/sql/dialect.h"
#include "vstore/sql/schema.h"
#include "vstore/sql/sql_store.h"

namespace imakeep::vstore {
namespace {

using Connection = std::unique_ptr<PGconn, FreedBy<PQfinish>>;
using Answered = std::unique_ptr<PGresult, FreedBy<PQclear>>;

constexpr int kBinary = 1;

// The statements of a store need the isolation level at which each statement sees what others have committed. The
// server's default may be another one.
constexpr const char* kBegin = "BEGIN ISOLATION LEVEL READ COMMITTED";

// One line, without the line breaks of libpq's messages.
std::string one_line(const char* message) {
  std::string line;
  for (const std::string_view part : split(message == nullptr ? "" : message, "\n")) {
    if (trimmed(part).empty()) continue;
    line += (line.empty() ? "" : "; ") + printable(trimmed(part));
  }
  return line;
}

// Whether the server ends the connection with this SQLSTATE, or cannot write any more because another server took over.
bool ends_connection(std::string_view state) {
  return state.empty() || state.starts_with("08") || state.starts_with("57P0") || state == "25006";
}

bool is_conflict(std::string_view state) {
  return state == "40001" || state == "40P01" || state == "55P03";
}

// A row that no partition takes: another process has dropped its period.
bool lacks_partition(std::string_view state) {
  return state == "23514";
}

ErrorCode code_of(std::string_view state) {
  if (state == "42501" || state.starts_with("53") || state.starts_with("28") || state == "57014" ||
      is_conflict(state) || ends_connection(state)) {
    return ErrorCode::kEnvironment;
  }
  return state.starts_with("58") ? ErrorCode::kIo : ErrorCode::kMalformed;
}

const char* remedy_of(std::string_view state) {
  if (state == "42501" || state.starts_with("28")) return "give the verifier's user the right, then try again";
  if (state.starts_with("53")) return "give the server more disk, memory or connections, then try again";
  if (state == "25006")
    return "the server is read-only; connect to the one that writes (target_session_attrs=read-write)";
  if (state == "57014") return "raise statement_timeout, then try again";
  if (state == "42P07") return "give the verifier a database of its own";
  if (is_conflict(state)) return "other transactions were in the way all the time; try again later";
  if (ends_connection(state)) return "check that the server runs and that the network reaches it, then try again";
  return "check the tables of the verifier's database, or restore it from a backup";
}

// What the sessions of one store share.
struct Server {
  std::string conninfo;
  std::string name;
  Mutex mutex;
  std::set<std::int64_t> periods IMAKEEP_GUARDED_BY(mutex);  // of the history that have a partition, as far as is known
};

class PostgresSession : public Session {
 public:
  PostgresSession(Connection connection, Server& server)
      : connection_(std::move(connection)), server_(server), name_(server.name) {}

  // Nothing may have arrived on an idle connection: what has is the server's farewell.
  bool usable() override {
    if (!usable_ || PQstatus(connection_.get()) != CONNECTION_OK) return false;
    pollfd waiting{.fd = PQsocket(connection_.get()), .events = POLLIN, .revents = 0};
    if (::poll(&waiting, 1, 0) == 0) return true;
    return PQconsumeInput(connection_.get()) == 1 && PQstatus(connection_.get()) == CONNECTION_OK &&
           (waiting.revents & (POLLERR | POLLHUP)) == 0;
  }

  void set_deadline(Deadline deadline) override { deadline_ = deadline; }

  // BEGIN travels with the first statements.
  Outcome<void> begin() override {
    begins_ = true;
    return {};
  }

  Outcome<std::vector<Reply>> run(std::span<const Statement> statements, Finish finish) override {
    commits_ = false;
    if (PQenterPipelineMode(connection_.get()) != 1) return lost();
    commits_ = finish == Finish::kCommit;
    std::vector<bool> replies_to;  // for each thing sent: whether it is one of `statements`
    if (begins_) {
      if (!send(kBegin)) return lost();
      replies_to.push_back(false);
      begins_ = false;
    }
    for (const Statement& statement : statements) {
      if (is_empty(statement)) continue;
      if (!send(statement)) return lost();
      replies_to.push_back(true);
    }
    if (commits_) {
      if (!send("COMMIT")) return lost();
      replies_to.push_back(false);
    }
    if (PQpipelineSync(connection_.get()) != 1) return lost();
    IMAKEEP_VSTORE_TRY(auto answered, receive(replies_to));
    std::vector<Reply> replies;
    std::size_t next = 0;
    for (const Statement& statement : statements) {
      replies.push_back(is_empty(statement) ? Reply() : std::move(answered[next++]));
    }
    return replies;
  }

  void rollback() noexcept override {
    begins_ = false;
    if (!usable_ || PQstatus(connection_.get()) != CONNECTION_OK) return;
    if (PQpipelineStatus(connection_.get()) != PQ_PIPELINE_OFF) {
      usable_ = false;
    } else if (PQtransactionStatus(connection_.get()) != PQTRANS_IDLE) {
      const Answered answered = answer_to("ROLLBACK");
      usable_ = PQresultStatus(answered.get()) == PGRES_COMMAND_OK;
    }
  }

  // Runs statements without arguments, in the server's simple protocol. SQLSTATEs in `ignored` are no failure.
  Outcome<void> script(const std::string& sql, std::span<const std::string_view> ignored = {}) {
    commits_ = false;
    const Answered answered = answer_to(sql.c_str());
    if (!answered) return lost();
    const auto status = PQresultStatus(answered.get());
    if (status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK) return {};
    const std::string_view state = state_of(answered.get());
    if (std::find(ignored.begin(), ignored.end(), state) != ignored.end()) return {};
    return failure(answered.get());
  }

 private:
  // Waits until the next result, or the end of the results, is there. False: the deadline has come.
  bool await() {
    while (PQisBusy(connection_.get()) == 1) {
      const int unsent = PQflush(connection_.get());
      pollfd waiting{.fd = PQsocket(connection_.get()), .events = POLLIN, .revents = 0};
      if (unsent == 1) waiting.events |= POLLOUT;
      const int timeout = milliseconds_left();
      if (timeout == 0) {
        timed_out_ = true;
        return false;
      }
      // What goes wrong is in the result that follows.
      if (::poll(&waiting, 1, timeout) > 0 && PQconsumeInput(connection_.get()) != 1) return true;
    }
    return true;
  }

  // For poll(): -1 if there is no deadline.
  int milliseconds_left() const {
    if (deadline_ == Deadline::max()) return -1;
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline_ - std::chrono::steady_clock::now());
    return static_cast<int>(std::clamp<std::int64_t>(left.count(), 0, 3'600'000));
  }

  // The last result of a text of statements, or that of the first that failed. Null if the connection failed.
  Answered answer_to(const char* sql) {
    if (PQsendQuery(connection_.get(), sql) != 1) return nullptr;
    Answered last;
    while (true) {
      if (!await()) return nullptr;
      Answered next(PQgetResult(connection_.get()));
      if (!next) return last;
      last = std::move(next);
    }
  }

  static bool is_empty(const Statement& statement) { return statement.batch && statement.arguments.empty(); }

  static std::string_view state_of(const PGresult* result) {
    const char* const state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    return state == nullptr ? std::string_view() : std::string_view(state);
  }

  bool send(const char* sql) {
    return PQsendQueryParams(connection_.get(), sql, 0, nullptr, nullptr, nullptr, nullptr, kBinary) == 1;
  }

  bool send(const Statement& statement) {
    const std::size_t width = statement.types.size();
    std::vector<std::optional<Bytes>> values(width);
    std::vector<Oid> types(width);
    std::vector<const char*> pointers(width);
    std::vector<int> lengths(width);
    const std::vector<int> formats(width, kBinary);
    for (std::size_t i = 0; i < width; ++i) {
      const char letter = statement.types[i];
      types[i] = statement.batch ? array_type_of(letter) : type_of(letter);
      values[i] =
          statement.batch ? binary_of_column(statement.arguments, width, i, letter) : binary_of(statement.arguments[i]);
      // libpq takes a null pointer for NULL, so an empty value needs some address.
      if (values[i]) pointers[i] = values[i]->empty() ? "" : reinterpret_cast<const char*>(values[i]->data());
      lengths[i] = values[i] ? static_cast<int>(values[i]->size()) : 0;
    }
    auto& sql = texts_[statement.sql];
    if (sql.empty()) sql = for_postgres(statement.sql, statement.types);
    return PQsendQueryParams(connection_.get(), sql.c_str(), static_cast<int>(width), types.data(), pointers.data(),
                             lengths.data(), formats.data(), kBinary) == 1;
  }

  // The replies to the statements, once all results up to the end of the pipeline are there.
  Outcome<std::vector<Reply>> receive(const std::vector<bool>& replies_to) {
    std::vector<Reply> replies;
    std::optional<Failure> first_failure;
    for (const bool is_reply : replies_to) {
      while (true) {
        if (!await()) return lost();
        const Answered answered(PQgetResult(connection_.get()));
        if (!answered) break;
        const auto status = PQresultStatus(answered.get());
        if (status == PGRES_PIPELINE_ABORTED) continue;  // a statement before it failed
        if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK) {
          if (!first_failure) first_failure = failure(answered.get()).value();
          if (PQstatus(connection_.get()) != CONNECTION_OK) return tl::unexpected<Failure>(*std::move(first_failure));
        } else if (is_reply && !first_failure) {
          IMAKEEP_VSTORE_TRY(auto reply, reply_of(answered.get()));
          replies.push_back(std::move(reply));
        }
      }
    }
    if (!await()) return lost();
    const Answered synced(PQgetResult(connection_.get()));
    if (PQresultStatus(synced.get()) != PGRES_PIPELINE_SYNC || PQexitPipelineMode(connection_.get()) != 1) {
      return first_failure ? tl::unexpected<Failure>(*std::move(first_failure)) : lost();
    }
    if (first_failure) return tl::unexpected<Failure>(*std::move(first_failure));
    return replies;
  }

  Outcome<Reply> reply_of(const PGresult* result) {
    Reply reply;
    const char* const changed = PQcmdTuples(const_cast<PGresult*>(result));
    reply.changed = std::strtoull(changed, nullptr, 10);
    for (int row = 0; row < PQntuples(result); ++row) {
      Row& values = reply.rows.emplace_back();
      for (int column = 0; column < PQnfields(result); ++column) {
        if (PQgetisnull(result, row, column) != 0) {
          values.emplace_back();
          continue;
        }
        const char* const from = PQgetvalue(result, row, column);
        const auto size = static_cast<std::size_t>(PQgetlength(result, row, column));
        auto value = value_of_binary(PQftype(result, column), std::as_bytes(std::span(from, size)));
        if (!value) return give_up(named(std::move(value).error(), name_));
        values.push_back(*std::move(value));
      }
    }
    return reply;
  }

  // The connection is lost, by what libpq says.
  tl::unexpected<Failure> lost() {
    usable_ = false;
    return tl::unexpected<Failure>(
        Failure{.error = {.code = ErrorCode::kEnvironment,
                          .message = name_ + ": " +
                                     (timed_out_ ? "the server does not answer in time"
                                                 : one_line(PQerrorMessage(connection_.get()))) +
                                     "; " + remedy_of("")},
                .then = commits_ ? Failure::Then::kUnknown : Failure::Then::kAgain});
  }

  tl::unexpected<Failure> failure(const PGresult* result) {
    const std::string_view state = state_of(result);
    if (state.empty() || PQstatus(connection_.get()) != CONNECTION_OK) return lost();
    const char* const primary = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
    Failure failure{.error = {.code = code_of(state),
                              .message = name_ + ": " + one_line(primary) + " (SQLSTATE " + std::string(state) + "); " +
                                         remedy_of(state)},
                    .then = Failure::Then::kGiveUp};
    if (is_conflict(state) || lacks_partition(state)) failure.then = Failure::Then::kAgain;
    if (lacks_partition(state)) {
      const MutexLock lock(server_.mutex);
      server_.periods.clear();
    }
    if (ends_connection(state)) {
      usable_ = false;
      failure.then = commits_ && state != "25006" ? Failure::Then::kUnknown : Failure::Then::kAgain;
    }
    return tl::unexpected<Failure>(std::move(failure));
  }

  Connection connection_;
  Server& server_;  // outlives the session
  const std::string& name_;
  std::unordered_map<const char*, std::string> texts_;  // by the statement's text for all databases
  bool begins_ = false;
  bool commits_ = false;  // the statements that run end with COMMIT
  bool usable_ = true;
  bool timed_out_ = false;
  Deadline deadline_ = Deadline::max();
};

// The seconds until the deadline that libpq may take to connect. It takes 1 for 2.
std::string connect_timeout(Deadline deadline) {
  constexpr std::int64_t kLeast = 2;
  constexpr std::int64_t kMost = 10;
  if (deadline == Deadline::max()) return std::to_string(kMost);
  const auto left = std::chrono::floor<std::chrono::seconds>(deadline - std::chrono::steady_clock::now());
  return std::to_string(std::clamp<std::int64_t>(left.count(), kLeast, kMost));
}

// The version of the tables is in a table of its own. Its lock lets one process at a time upgrade them.
constexpr const char* kVersionTable = "CREATE TABLE IF NOT EXISTS imakeep_verifier (version BIGINT NOT NULL)";
constexpr const char* kHasVersionTable = "SELECT count(*) FROM pg_class WHERE oid = to_regclass('imakeep_verifier')";
constexpr const char* kVersion = "SELECT version FROM imakeep_verifier";
constexpr const char* kPartitions =
    "SELECT c.relname::text FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid "
    "WHERE i.inhparent = to_regclass('history')";
constexpr std::string_view kPartition = "history_";

// Errors of a process that makes a table at the same time as another one, which has committed it by then: the table
// exists, its name is taken in one of the catalogs, its row type exists, its range is taken.
constexpr std::string_view kMadeByOthers[] = {"42P07", "23505", "42710", "42P17"};

class PostgresDatabase : public Database {
 public:
  PostgresDatabase(const std::string& conninfo, std::string name, const PostgresOptions& options)
      : steps_(schema_steps()) {
    server_.conninfo = conninfo;
    server_.name = std::move(name);
    steps_.insert(steps_.end(), options.more_steps.begin(), options.more_steps.end());
  }

  const std::string& name() const override { return server_.name; }

  Outcome<std::unique_ptr<Session>> connect(Deadline deadline) override {
    const std::string timeout = connect_timeout(deadline);
    // What the conninfo says counts, because it comes last.
    const char* const keywords[] = {"connect_timeout",           "tcp_user_timeout", "client_encoding",
                                    "fallback_application_name", "dbname",           nullptr};
    const char* const values[] = {timeout.c_str(),          "10000", "UTF8", "imakeep-verifier",
                                  server_.conninfo.c_str(), nullptr};
    Connection connection(PQconnectdbParams(keywords, values, 1));
    if (!connection || PQstatus(connection.get()) != CONNECTION_OK) {
      const std::string why = connection ? one_line(PQerrorMessage(connection.get())) : "memory ran out";
      return tl::unexpected<Failure>(
          Failure{.error = {.code = ErrorCode::kEnvironment,
                            .message = server_.name + " cannot be reached: " + why + "; " + remedy_of("")},
                  .then = Failure::Then::kAgain});
    }
    // So that a server that takes nothing more cannot hold a call: await() sends the rest.
    PQsetnonblocking(connection.get(), 1);
    // A library prints nothing.
    PQsetNoticeProcessor(
        connection.get(), [](void*, const char*) {}, nullptr);
    return std::make_unique<PostgresSession>(std::move(connection), server_);
  }

  Outcome<void> migrate(Session& session) override {
    auto& postgres = static_cast<PostgresSession&>(session);
    IMAKEEP_VSTORE_TRY(const bool is_new, is_without_versions(session));
    if (is_new) IMAKEEP_VSTORE_CHECK(postgres.script(kVersionTable, kMadeByOthers));
    IMAKEEP_VSTORE_TRY(const std::int64_t seen, checked_version(session));
    if (seen == static_cast<std::int64_t>(steps_.size())) return {};
    IMAKEEP_VSTORE_CHECK(postgres.script(kBegin));
    IMAKEEP_VSTORE_CHECK(postgres.script("LOCK TABLE imakeep_verifier IN ACCESS EXCLUSIVE MODE"));
    // Another process may have upgraded the tables since.
    IMAKEEP_VSTORE_TRY(const std::int64_t version, checked_version(session));
    for (auto step = static_cast<std::size_t>(version); step < steps_.size(); ++step) {
      IMAKEEP_VSTORE_CHECK(postgres.script(schema_for_postgres(steps_[step])));
    }
    return postgres.script("DELETE FROM imakeep_verifier; INSERT INTO imakeep_verifier (version) VALUES (" +
                           std::to_string(steps_.size()) + "); COMMIT");
  }

  // A partition for each period. Most calls find that this process has seen them all.
  Outcome<void> prepare_history(Session& session, std::span<const std::int64_t> times_unix_s) override {
    for (const std::int64_t time_unix_s : times_unix_s) {
      const std::int64_t period = time_unix_s / kHistoryPeriodSeconds;
      {
        const MutexLock lock(server_.mutex);
        if (server_.periods.contains(period)) continue;
      }
      IMAKEEP_VSTORE_CHECK(static_cast<PostgresSession&>(session).script(
          "CREATE TABLE IF NOT EXISTS " + partition_of(period) + " PARTITION OF history FOR VALUES FROM (" +
              std::to_string(period * kHistoryPeriodSeconds) + ") TO (" +
              std::to_string((period + 1) * kHistoryPeriodSeconds) + ")",
          kMadeByOthers));
      const MutexLock lock(server_.mutex);
      server_.periods.insert(period);
    }
    return {};
  }

  Outcome<void> drop_history(Session& session, std::int64_t first_kept_unix_s) override {
    const Statement list{.sql = kPartitions, .types = "", .arguments = {}};
    IMAKEEP_VSTORE_TRY(const auto& replies, session.run(std::span(&list, 1)));
    for (const Row& row : replies[0].rows) {
      const std::string& table = std::get<std::string>(row[0]);
      if (!table.starts_with(kPartition)) continue;
      const std::int64_t period = std::strtoll(table.c_str() + kPartition.size(), nullptr, 10);
      if (table != partition_of(period) || (period + 1) * kHistoryPeriodSeconds > first_kept_unix_s) continue;
      IMAKEEP_VSTORE_CHECK(static_cast<PostgresSession&>(session).script("DROP TABLE IF EXISTS " + table));
      const MutexLock lock(server_.mutex);
      server_.periods.erase(period);
    }
    return {};
  }

 private:
  static std::string partition_of(std::int64_t period) { return std::string(kPartition) + std::to_string(period); }

  Outcome<std::int64_t> number_of(Session& session, const char* sql, std::int64_t if_none) {
    const Statement statement{.sql = sql, .types = "", .arguments = {}};
    IMAKEEP_VSTORE_TRY(const auto& replies, session.run(std::span(&statement, 1)));
    return replies[0].rows.empty() ? if_none : std::get<std::int64_t>(replies[0].rows[0][0]);
  }

  Outcome<bool> is_without_versions(Session& session) {
    IMAKEEP_VSTORE_TRY(const std::int64_t tables, number_of(session, kHasVersionTable, 0));
    return tables == 0;
  }

  Outcome<std::int64_t> checked_version(Session& session) {
    IMAKEEP_VSTORE_TRY(const std::int64_t version, number_of(session, kVersion, 0));
    if (auto checked = check_version(server_.name, version, steps_.size()); !checked) {
      return give_up(std::move(checked).error());
    }
    return version;
  }

  Server server_;
  std::vector<std::string> steps_;
};

// "database NAME at HOST", from a conninfo that may hold a password. kUsage: libpq does not understand it.
Result<std::string> name_of_database(const std::string& conninfo) {
  char* message = nullptr;
  const std::unique_ptr<PQconninfoOption, FreedBy<PQconninfoFree>> options(PQconninfoParse(conninfo.c_str(), &message));
  const std::unique_ptr<char, FreedBy<PQfreemem>> freed(message);
  if (!options) {
    return fail(ErrorCode::kUsage, "the address of the PostgreSQL database is wrong: " + one_line(message) +
                                       "; write host=HOST dbname=NAME user=USER");
  }
  std::string host = "the default host";
  std::string database = "of the user's name";
  for (const PQconninfoOption* option = options.get(); option->keyword != nullptr; ++option) {
    const std::string_view keyword = option->keyword;
    if (option->val == nullptr) continue;
    if (keyword == "host") host = printable(option->val);
    if (keyword == "dbname") database = printable(option->val);
  }
  return "PostgreSQL database " + database + " at " + host;
}

}  // namespace

Result<std::unique_ptr<Store>> open_postgres_store(const std::string& conninfo, const PostgresOptions& options) {
  IMAKEEP_TRY(std::string name, name_of_database(conninfo));
  return SqlStore::open(
      std::make_unique<PostgresDatabase>(conninfo, std::move(name), options),
      {.most_sessions = options.most_connections, .attempts = options.attempts, .call_timeout = options.call_timeout});
}

}  // namespace imakeep::vstore
