// SPDX-License-Identifier: Apache-2.0
// vstore_on_postgres_test.cc - the contract of the verifier's rows on a PostgreSQL server, and what only such a server
// does: it goes away and comes back, several processes make its tables at once, others lock its rows.
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <thread>

#include "contract/vstore_contract.h"
#include "support/postgres_server.h"
#include "vstore/postgres/postgres_store.h"

namespace imakeep::vstore::test {

using ::testing::HasSubstr;

// One server for all tests of the program, made with the first of them.
imakeep::test::PostgresServer& server() {
  static imakeep::test::PostgresServer server;
  return server;
}

// A schema of a test's own.
class Schema {
 public:
  Schema() {
    static int schemas = 0;
    name_ = "test" + std::to_string(++schemas);
    server().sql("CREATE SCHEMA " + name_);
  }
  ~Schema() { server().sql("DROP SCHEMA " + name_ + " CASCADE"); }
  Schema(const Schema&) = delete;
  Schema& operator=(const Schema&) = delete;

  const std::string& name() const { return name_; }
  std::string conninfo() const { return server().conninfo(name_); }
  std::unique_ptr<Store> open(const PostgresOptions& options = {}) const {
    return must(open_postgres_store(conninfo(), options));
  }
  std::string sql(const std::string& statements) const {
    return server().sql("SET search_path = " + name_ + "; " + statements);
  }

 private:
  std::string name_;
};

class InPostgres {
 public:
  Store& store() { return *store_; }
  Store& other() {
    if (!other_) other_ = schema_.open();
    return *other_;
  }
  void reopen() {
    store_.reset();
    store_ = schema_.open();
  }

 private:
  Schema schema_;
  std::unique_ptr<Store> store_ = schema_.open();
  std::unique_ptr<Store> other_;
};

INSTANTIATE_TYPED_TEST_SUITE_P(Postgres, VstoreContract, InPostgres);

namespace {

constexpr std::int64_t kLater = kNow + 100;
const HostKey kHost{.tenant = "t", .host = "h"};

std::unique_ptr<Store> with_host(const Schema& schema, const PostgresOptions& options = {}) {
  auto store = schema.open(options);
  must_do(store->add_tenant({.tenant = "t"}));
  must_do(store->add_host(sample_host(kHost)));
  return store;
}

// Starts the server again whatever the test does.
class Stopped {
 public:
  Stopped() { server().stop(); }
  ~Stopped() { start(); }
  void start() {
    if (!std::exchange(started_, true)) server().start();
  }

 private:
  bool started_ = false;
};

// Returns once a connection of the store waits for a lock.
void wait_for_a_waiting_store() {
  while (server().sql("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'imakeep-verifier' "
                      "AND wait_event_type = 'Lock'") == "0") {
  }
}

void wait_for_a_sleeper() {
  while (server().sql("SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'") == "0") {
  }
}

TEST(PostgresStore, GoesOnWhenTheServerComesBack) {
  const Schema schema;
  const auto store = with_host(schema, {.attempts = 2});
  const Move move = sample_move(kHost, 7, 1);
  {
    Stopped stopped;
    const auto refused = store->commit(std::span(&move, 1));
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, ErrorCode::kEnvironment) << describe(refused.error());
    EXPECT_THAT(refused.error().message, HasSubstr("check that the server runs"));
    EXPECT_EQ(store->host(kHost, kNow).error().code, ErrorCode::kEnvironment);
    const auto unreachable = open_postgres_store(schema.conninfo(), {.attempts = 1});
    ASSERT_FALSE(unreachable);
    EXPECT_EQ(unreachable.error().code, ErrorCode::kEnvironment);
  }
  EXPECT_EQ(*must(store->host(kHost, kNow)), sample_host(kHost));
  EXPECT_THAT(must(store->commit(std::span(&move, 1))), ElementsAre(MoveResult::kMoved));
}

// Lets the server go on whatever the test does.
class Paused {
 public:
  Paused() { server().pause(); }
  ~Paused() { server().resume(); }
};

TEST(PostgresStore, WaitsForAServerThatDoesNotAnswerUntilTheCallTimesOut) {
  const Schema schema;
  const auto store = with_host(schema, {.call_timeout = std::chrono::milliseconds(500)});
  const Move move = sample_move(kHost, 7, 1);
  {
    Paused paused;
    // Over the connection that is there, which is given up, and over a new one, which nobody takes.
    for (int i = 0; i < 2; ++i) {
      const auto read = store->host(kHost, kNow);
      ASSERT_FALSE(read);
      EXPECT_EQ(read.error().code, ErrorCode::kEnvironment) << describe(read.error());
      EXPECT_THAT(read.error().message, HasSubstr("check that the server runs"));
    }
    ASSERT_FALSE(store->commit(std::span(&move, 1)));
    ASSERT_FALSE(store->tenants());
  }
  EXPECT_EQ(*must(store->host(kHost, kNow)), sample_host(kHost));
  EXPECT_THAT(must(store->commit(std::span(&move, 1))), ElementsAre(MoveResult::kMoved));
}

// One call waits for a server that did not answer the call before. The others do not, so that a program has threads
// left.
TEST(PostgresStore, OneCallAtATimeWaitsForAServerThatDoesNotAnswer) {
  const Schema schema;
  const auto store = with_host(schema, {.call_timeout = std::chrono::seconds(2)});
  std::atomic<int> at_once = 0;
  std::atomic<int> waited = 0;
  {
    Paused paused;
    EXPECT_FALSE(store->tenants());
    std::vector<std::thread> threads;
    for (int i = 0; i < 6; ++i) {
      threads.emplace_back([&] {
        const auto read = store->host(kHost, kNow);
        ASSERT_FALSE(read);
        EXPECT_EQ(read.error().code, ErrorCode::kEnvironment);
        const bool not_tried = read.error().message.find("did not answer a call before") != std::string::npos;
        ++(not_tried ? at_once : waited);
      });
    }
    for (std::thread& thread : threads) thread.join();
  }
  EXPECT_GT(at_once, 0);
  EXPECT_GT(waited, 0);
  EXPECT_EQ(*must(store->host(kHost, kNow)), sample_host(kHost));
  EXPECT_EQ(*must(store->host(kHost, kNow)), sample_host(kHost));
}

// Every connection is taken by a call that waits; a further call does not wait for longer than it may.
TEST(PostgresStore, ACallThatGetsNoConnectionTimesOut) {
  const Schema schema;
  const auto store =
      with_host(schema, {.most_connections = 1, .attempts = 1, .call_timeout = std::chrono::milliseconds(500)});
  const Move move = sample_move(kHost, 7, 1);
  Paused paused;
  std::thread waiting([&] { EXPECT_FALSE(store->commit(std::span(&move, 1))); });
  const auto other = store->tenants();
  EXPECT_FALSE(other);
  waiting.join();
}

// A large row is more than the socket takes from a server that reads nothing.
TEST(PostgresStore, ALargeRowDoesNotWaitForAServerThatReadsNothing) {
  const Schema schema;
  const auto store = with_host(schema, {.attempts = 1, .call_timeout = std::chrono::milliseconds(500)});
  const Bytes large(std::size_t{4} << 20, std::byte{5});
  Paused paused;
  const auto refused = store->put_policy(Bytes(32, std::byte{1}), large, kNow);
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().code, ErrorCode::kUsage) << describe(refused.error());
}

TEST(PostgresStore, ARestartBetweenTwoCallsIsNotNoticed) {
  const Schema schema;
  const auto store = with_host(schema);
  const Move move = sample_move(kHost, 7, 1);
  { Stopped stopped; }
  must_do(store->add_tenant({.tenant = "u"}));
  { Stopped stopped; }
  EXPECT_THAT(must(store->commit(std::span(&move, 1))), ElementsAre(MoveResult::kMoved));
}

TEST(PostgresStore, ATransactionThatTheServerEndsIsRepeated) {
  const Schema schema;
  const auto store = with_host(schema);
  const Move move = sample_move(kHost, 7, 1);
  // The move waits for this lock, and its connection ends meanwhile.
  std::thread blocker([&] { schema.sql("BEGIN; SELECT 1 FROM host FOR UPDATE; SELECT pg_sleep(1); COMMIT"); });
  wait_for_a_sleeper();
  std::thread killer([&] {
    const char* const waiting =
        "FROM pg_stat_activity WHERE application_name = 'imakeep-verifier' AND wait_event_type = 'Lock'";
    for (std::string ended = "0"; ended == "0";) {
      ended = schema.sql(std::string("SELECT count(pg_terminate_backend(pid)) ") + waiting);
    }
  });
  EXPECT_THAT(must(store->commit(std::span(&move, 1))), ElementsAre(MoveResult::kMoved));
  blocker.join();
  killer.join();
  EXPECT_EQ(must(store->host(kHost, kNow))->epoch, 8u);
  EXPECT_THAT(must(store->history(kHost, 0, kLater, 9)), SizeIs(1));
}

TEST(PostgresStore, ADeadlockIsRepeated) {
  const Schema schema;
  const auto store = with_host(schema);
  const HostKey second{.tenant = "t", .host = "i"};
  must_do(store->add_host(sample_host(second)));
  const std::vector<Move> moves = {sample_move(kHost, 7, 1), sample_move(second, 7, 1)};
  // The other transaction has the second host when the moves begin, and then wants the first one. The server breaks off
  // the transaction that has waited for a second, which is that of the moves.
  std::thread other([&] {
    schema.sql(
        "BEGIN; SELECT 1 FROM host WHERE host_id = 'i' FOR UPDATE; SELECT pg_sleep(0.5); "
        "SELECT 1 FROM host WHERE host_id = 'h' FOR UPDATE; COMMIT");
  });
  wait_for_a_sleeper();
  EXPECT_THAT(must(store->commit(moves)), ElementsAre(MoveResult::kMoved, MoveResult::kMoved));
  other.join();
  // The server counts it a little later.
  while (server().sql("SELECT deadlocks > 0 FROM pg_stat_database WHERE datname = 'postgres'") != "t") {
  }
  EXPECT_THAT(must(store->history(kHost, 0, kLater, 9)), SizeIs(1));
}

// The list keeps the version that the move was checked against until the move is committed.
TEST(PostgresStore, AListDoesNotChangeUnderAMove) {
  const Schema schema;
  const auto store = with_host(schema);
  must_do(store->put_policy(filled(32, 1), {}, kNow));
  must(store->set_policy_list("t", "main", std::vector<Bytes>{filled(32, 1)}));
  must_do(store->assign_policies(kHost, "main"));
  Move move = sample_move(kHost, 7, 1);
  move.policy_list = "main";
  move.policy_list_version = 1;
  std::thread blocker([&] { schema.sql("BEGIN; SELECT 1 FROM host FOR UPDATE; SELECT pg_sleep(0.5); COMMIT"); });
  wait_for_a_sleeper();
  std::thread mover([&] { EXPECT_THAT(must(store->commit(std::span(&move, 1))), ElementsAre(MoveResult::kMoved)); });
  wait_for_a_waiting_store();
  EXPECT_THROW(schema.sql("SELECT 1 FROM policy_list FOR UPDATE NOWAIT"), std::runtime_error);
  mover.join();
  blocker.join();
  EXPECT_EQ(must(schema.open()->set_policy_list("t", "main", {})), 2u);
}

TEST(PostgresStore, SeveralProcessesMakeTheTablesAtOnce) {
  const Schema schema;
  std::vector<pid_t> children;
  for (int i = 0; i < 4; ++i) {
    const pid_t pid = ::fork();
    if (pid == 0) {
      const auto store = open_postgres_store(schema.conninfo());
      if (!store) std::cerr << describe(store.error()) << std::endl;
      ::_exit(store && (*store)->tenants() ? 0 : 1);
    }
    children.push_back(pid);
  }
  for (const pid_t pid : children) {
    int status = -1;
    ::waitpid(pid, &status, 0);
    EXPECT_EQ(status, 0);
  }
  EXPECT_EQ(schema.sql("SELECT count(*) || ':' || min(version) FROM imakeep_verifier"), "1:1");
}

TEST(PostgresStore, UpgradesFromVersion1AndRefusesANewerOne) {
  const Schema schema;
  with_host(schema);
  const std::string step = "ALTER TABLE host ADD COLUMN note TEXT NOT NULL DEFAULT 'none';";
  const std::string wrong = "ALTER TABLE host ADD COLUMN more TEXT; ALTER TABLE nothing ADD COLUMN note TEXT;";
  const auto failed = open_postgres_store(schema.conninfo(), {.more_steps = {step, wrong}});
  ASSERT_FALSE(failed);
  EXPECT_EQ(schema.sql("SELECT version FROM imakeep_verifier"), "1") << "all steps or none";
  EXPECT_EQ(*must(schema.open()->host(kHost, kNow)), sample_host(kHost));
  EXPECT_EQ(*must(schema.open({.more_steps = {step}})->host(kHost, kNow)), sample_host(kHost));
  EXPECT_EQ(schema.sql("SELECT version FROM imakeep_verifier"), "2");
  EXPECT_EQ(schema.sql("SELECT note FROM host"), "none");
  const auto refused = open_postgres_store(schema.conninfo());
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kUnsupported);
  EXPECT_THAT(refused.error().message, HasSubstr("of version 2; this imakeep supports versions up to 1"));
}

TEST(PostgresStore, RefusesTablesOfAnotherProgram) {
  const Schema schema;
  schema.sql("CREATE TABLE host (a INTEGER)");
  const auto refused = open_postgres_store(schema.conninfo());
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, HasSubstr("give the verifier a database of its own"));
}

TEST(PostgresStore, NamesTheDatabaseAndNoPassword) {
  const auto refused = open_postgres_store("host=/nonexistent dbname=fleet password=secret", {.attempts = 1});
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, HasSubstr("PostgreSQL database fleet at /nonexistent cannot be reached"));
  EXPECT_THAT(refused.error().message, testing::Not(HasSubstr("secret")));
  EXPECT_EQ(open_postgres_store("not a conninfo").error().code, ErrorCode::kUsage);
}

// A standby: it answers, and no transaction can write.
TEST(PostgresStore, AStandbyReadsAndSaysThatItCannotWrite) {
  imakeep::test::PostgresServer standby;
  {
    const auto store = must(open_postgres_store(standby.conninfo("public")));
    must_do(store->add_tenant({.tenant = "t"}));
    must_do(store->add_host(sample_host(kHost)));
  }
  standby.stop();
  standby.put_file("standby.signal", "");
  standby.start();
  const auto store = must(open_postgres_store(standby.conninfo("public"), {.attempts = 2}));
  EXPECT_EQ(*must(store->host(kHost, kNow)), sample_host(kHost));
  const Move move = sample_move(kHost, 7, 1);
  const auto refused = store->commit(std::span(&move, 1));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kEnvironment);
  EXPECT_THAT(refused.error().message, HasSubstr("the server is read-only"));
  EXPECT_EQ(store->add_tenant({.tenant = "u"}).error().code, ErrorCode::kEnvironment);
  EXPECT_EQ(*must(store->host(kHost, kNow)), sample_host(kHost));
}

// Lets each COMMIT wait, after it took effect, for a standby that does not exist.
class HangingCommits {
 public:
  HangingCommits() { set("synchronous_standby_names = 'none'"); }
  ~HangingCommits() { set("synchronous_standby_names = ''"); }
  HangingCommits(const HangingCommits&) = delete;
  HangingCommits& operator=(const HangingCommits&) = delete;

  // Breaks off the next connection that waits so.
  static void end_one() {
    for (std::string ended = "0"; ended == "0";) {
      ended =
          server().sql("SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE wait_event = 'SyncRep'");
    }
  }

 private:
  static void set(const std::string& what) {
    server().sql("ALTER SYSTEM SET " + what);
    server().sql("SELECT pg_reload_conf()");
    // A new connection has the new value once the server has read its configuration.
    const std::string value = what.substr(what.find('=') + 2);
    while (server().sql("SELECT " + value + " = current_setting('synchronous_standby_names')") != "t") {
    }
  }
};

TEST(PostgresStore, AMoveWhoseCommitWasNotAnsweredIsFoundAgain) {
  const Schema schema;
  const auto store = with_host(schema);
  Move move = sample_move(kHost, 7, 1);
  ASSERT_THAT(must(store->commit(std::span(&move, 1))), ElementsAre(MoveResult::kMoved));  // makes the partition
  move = sample_move(kHost, 8, 2);
  move.sightings = {sample_sighting(1)};
  {
    const HangingCommits hanging;
    std::thread ends(HangingCommits::end_one);
    EXPECT_THAT(must(store->commit(std::span(&move, 1))), ElementsAre(MoveResult::kMoved));
    ends.join();
  }
  EXPECT_EQ(must(store->host(kHost, kNow))->epoch, 9u);
  EXPECT_THAT(must(store->history(kHost, 0, kLater, 9)), SizeIs(2));
  EXPECT_EQ(must(store->findings({.tenant = "t"})).at(0).count, 1u);
  EXPECT_THAT(must(store->commit(std::span(&move, 1))), ElementsAre(MoveResult::kStale)) << "the same move, sent again";
}

TEST(PostgresStore, AnotherChangeWhoseCommitWasNotAnsweredIsLeftToTheCaller) {
  const Schema schema;
  const auto store = with_host(schema);
  Result<void> added;
  {
    const HangingCommits hanging;
    std::thread ends(HangingCommits::end_one);
    added = store->add_tenant({.tenant = "u"});
    ends.join();
  }
  ASSERT_FALSE(added);
  EXPECT_EQ(added.error().code, ErrorCode::kIo);
  EXPECT_THAT(added.error().message, HasSubstr("look whether it took effect"));
  EXPECT_THAT(must(store->tenants()), SizeIs(2));
}

TEST(PostgresStore, AUserWithoutRightsIsTold) {
  const Schema schema;
  with_host(schema);
  schema.sql("DROP ROLE IF EXISTS reader; CREATE ROLE reader LOGIN; GRANT USAGE ON SCHEMA " + schema.name() +
             " TO reader; GRANT SELECT ON ALL TABLES IN SCHEMA " + schema.name() + " TO reader");
  const auto store = open_postgres_store(schema.conninfo() + " user=reader");
  ASSERT_TRUE(store) << describe(store.error());
  const auto refused = (*store)->set_status(kHost, HostStatus::kDisabled);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kEnvironment);
  EXPECT_THAT(refused.error().message, HasSubstr("give the verifier's user the right"));
  EXPECT_EQ(*must((*store)->host(kHost, kNow)), sample_host(kHost));
}

TEST(PostgresStore, LeavesNothingInTheSession) {
  const Schema schema;
  const auto store = with_host(schema, {.most_connections = 1});
  const Move move = sample_move(kHost, 7, 1);
  ASSERT_THAT(must(store->commit(std::span(&move, 1))), ElementsAre(MoveResult::kMoved));
  expect_refused(store->add_tenant({.tenant = "t"}), EEXIST);
  // A connection in a transaction would keep pgbouncer from giving it to another client.
  EXPECT_EQ(schema.sql("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'imakeep-verifier' "
                       "AND state LIKE 'idle in transaction%'"),
            "0");
  EXPECT_EQ(schema.sql("SELECT count(*) FROM pg_locks l JOIN pg_stat_activity a USING (pid) "
                       "WHERE a.application_name = 'imakeep-verifier'"),
            "0");
}

TEST(PostgresStore, DroppedHistoryIsDroppedAsAWhole) {
  const Schema schema;
  const auto store = with_host(schema);
  Move move = sample_move(kHost, 7, 1);
  ASSERT_THAT(must(store->commit(std::span(&move, 1))), ElementsAre(MoveResult::kMoved));
  const std::string partitions = "SELECT count(*) FROM pg_inherits WHERE inhparent = 'history'::regclass";
  EXPECT_EQ(schema.sql(partitions), "1");
  // Another process drops the period that this one knows.
  must_do(schema.open()->drop_history(kNow + 2 * kHistoryPeriodSeconds));
  EXPECT_EQ(schema.sql(partitions), "0");
  move = sample_move(kHost, 8, 2);
  EXPECT_THAT(must(store->commit(std::span(&move, 1))), ElementsAre(MoveResult::kMoved));
  EXPECT_EQ(schema.sql(partitions), "1");
}

TEST(PostgresStore, ARowOfAHostIsAtMostTwoKibibytes) {
  const Schema schema;
  const auto store = schema.open();
  constexpr std::uint64_t kHosts = 1000;
  must_do(store->add_tenant({.tenant = "t"}));
  std::vector<Move> moves;
  for (std::uint64_t i = 0; i < kHosts; ++i) {
    const HostKey key{.tenant = "t", .host = "0190c3a2-0000-7000-8000-" + std::to_string(100000000000 + i)};
    must_do(store->add_host(sample_host(key)));
    moves.push_back(sample_move(key, 7, i));
  }
  must(store->commit(moves));
  server().sql("VACUUM FULL " + schema.name() + ".host");
  const std::string row = schema.sql("SELECT max(pg_column_size(h.*)) FROM host h");
  const std::string disk = schema.sql("SELECT pg_total_relation_size('host') / 1000");
  RecordProperty("row_bytes", row);
  RecordProperty("disk_bytes_per_host", disk);
  EXPECT_LE(std::stoi(row), 2048);
}

}  // namespace
}  // namespace imakeep::vstore::test
