// SPDX-License-Identifier: Apache-2.0
// vstore/sql/session.h - the seam between the statements of a verifier's store and a SQL database.
//
// A statement is written once for all databases: dialect.h says how. A connection that fails is dropped; sql_store.h
// repeats what did not take effect. Threads: a Session belongs to one thread at a time, a Database to all.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"

namespace imakeep::vstore {

// An argument of a statement: NULL, or a value that outlives the call.
using Param = std::variant<std::monostate, std::int64_t, std::string_view, ByteView>;
using Value = std::variant<std::monostate, std::int64_t, std::string, Bytes>;
using Row = std::vector<Value>;

// `types` has one letter for each parameter or column: i (integer), t (text) or b (bytes). A batch has the arguments of
// any count of rows, one row after the other; its reply is that of all rows together.
struct Statement {
  const char* sql;  // lives as long as the program
  std::string_view types;
  std::vector<Param> arguments;
  bool batch = false;
};

struct Reply {
  std::vector<Row> rows;
  std::uint64_t changed = 0;  // rows inserted, updated or deleted
};

struct Failure {
  enum class Then : std::uint8_t {
    kGiveUp,   // the same call fails again
    kAgain,    // nothing took effect, and the call may succeed next time
    kUnknown,  // the connection was lost during COMMIT
  };

  Error error;
  Then then = Then::kGiveUp;
};

template <class T>
using Outcome = tl::expected<T, Failure>;

inline tl::unexpected<Failure> give_up(Error error) {
  return tl::unexpected<Failure>(Failure{.error = std::move(error), .then = Failure::Then::kGiveUp});
}

inline tl::unexpected<Failure> give_up(tl::unexpected<Error> error) {
  return give_up(std::move(error).value());
}

// When a call has to be over, and Deadline::max() for never.
using Deadline = std::chrono::steady_clock::time_point;

enum class Finish : std::uint8_t { kContinue, kCommit };

class Session {
 public:
  virtual ~Session() = default;

  // Whether the connection works as far as this process knows.
  virtual bool usable() = 0;
  // Until when later calls wait for a database that does not answer. They end with kEnvironment then, and usable() is
  // false. A database in this process answers anyway.
  virtual void set_deadline(Deadline deadline) = 0;
  // Begins a transaction that writes. Each of its statements sees what was committed before the statement began.
  virtual Outcome<void> begin() = 0;
  // Runs the statements in order, in one round trip if the database is remote. If one fails, the rest does not run and
  // the caller rolls back. Without begin() the statements must not write.
  virtual Outcome<std::vector<Reply>> run(std::span<const Statement> statements, Finish finish = Finish::kContinue) = 0;
  virtual void rollback() noexcept = 0;
};

class Database {
 public:
  virtual ~Database() = default;

  // For messages: "FILE", "database NAME at HOST". Without passwords.
  virtual const std::string& name() const = 0;
  virtual Outcome<std::unique_ptr<Session>> connect(Deadline deadline) = 0;
  // Creates the tables or upgrades them to the version of this build, in one transaction.
  virtual Outcome<void> migrate(Session& session) = 0;
  // Makes room for history rows of these times. Called outside a transaction.
  virtual Outcome<void> prepare_history(Session& session, std::span<const std::int64_t> times_unix_s) = 0;
  // Forgets the history before a time at which a period begins. Called outside a transaction.
  virtual Outcome<void> drop_history(Session& session, std::int64_t first_kept_unix_s) = 0;
};

}  // namespace imakeep::vstore

// Like IMAKEEP_CHECK and IMAKEEP_TRY, for an Outcome.
#define IMAKEEP_VSTORE_CHECK(expr)                                                             \
  do {                                                                                         \
    if (auto imakeep_checked = (expr); !imakeep_checked) {                                     \
      return ::tl::unexpected<::imakeep::vstore::Failure>(std::move(imakeep_checked).error()); \
    }                                                                                          \
  } while (false)
#define IMAKEEP_VSTORE_TRY(declaration, ...)                                                                        \
  auto IMAKEEP_JOIN(imakeep_tried_, __LINE__) = (__VA_ARGS__);                                                      \
  if (!IMAKEEP_JOIN(imakeep_tried_, __LINE__)) {                                                                    \
    return ::tl::unexpected<::imakeep::vstore::Failure>(std::move(IMAKEEP_JOIN(imakeep_tried_, __LINE__)).error()); \
  }                                                                                                                 \
  declaration = *std::move(IMAKEEP_JOIN(imakeep_tried_, __LINE__))
