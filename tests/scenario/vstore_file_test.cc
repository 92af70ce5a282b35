// SPDX-License-Identifier: Apache-2.0
// vstore_file_test.cc - the verifier's SQLite file: its mode and version, other programs' files, a full disk, a file
// that cannot be written, and processes that open it at once or are killed.
#include <fcntl.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <thread>

#include "support/faulty_vfs.h"
#include "support/scratch_directory.h"
#include "support/vstore_rows.h"
#include "vstore/sqlite/sqlite_store.h"

namespace imakeep::vstore::test {
namespace {

using imakeep::test::Fault;
using imakeep::test::FaultyVfs;
using ::testing::HasSubstr;

const HostKey kHost{.tenant = "t", .host = "h"};

class VstoreFileTest : public testing::Test {
 protected:
  std::unique_ptr<Store> open(const SqliteOptions& options = {}) { return must(open_sqlite_store(path_, options)); }
  std::unique_ptr<Store> with_host() {
    auto store = open();
    must_do(store->add_tenant({.tenant = "t"}));
    must_do(store->add_host(sample_host(kHost)));
    return store;
  }
  // Runs statements, and returns the first value of the last row.
  std::string sql(const std::string& statements) {
    sqlite3* database = nullptr;
    std::string value;
    char* error = nullptr;
    const auto keep = [](void* to, int, char** values, char**) {
      *static_cast<std::string*>(to) = values[0] == nullptr ? "" : values[0];
      return 0;
    };
    if (sqlite3_open(path_.c_str(), &database) != SQLITE_OK ||
        sqlite3_exec(database, statements.c_str(), keep, &value, &error) != SQLITE_OK) {
      throw std::runtime_error(statements + ": " + (error == nullptr ? "cannot open" : error));
    }
    sqlite3_close(database);
    return value;
  }

  imakeep::test::ScratchDirectory directory_;
  std::string path_ = directory_.file("verifier");
};

TEST_F(VstoreFileTest, OnlyTheOwnerReadsANewFile) {
  const ::mode_t mask = ::umask(0);
  with_host();
  const auto store = open();
  must(store->tenants());
  ::umask(mask);
  for (const char* const suffix : {"", "-wal", "-shm"}) {
    struct stat status {};
    ASSERT_EQ(::stat((path_ + suffix).c_str(), &status), 0) << suffix;
    EXPECT_EQ(status.st_mode & 0777, 0600u) << suffix;
  }
}

TEST_F(VstoreFileTest, ACommitIsSynced) {
  const auto store = with_host();
  EXPECT_EQ(sql("PRAGMA journal_mode"), "wal");
  FaultyVfs vfs;
  const auto counted = open({.vfs = vfs.name()});
  must(counted->tenants());
  for (std::uint64_t epoch = 7; epoch < 10; ++epoch) {
    vfs.fail_never();
    const Move move = sample_move(kHost, epoch, 1);
    must(counted->commit(std::span(&move, 1)));
    EXPECT_GE(vfs.syncs(), 1u);
  }
}

TEST_F(VstoreFileTest, AMoveRemovesTheProvisionalState) {
  const auto store = with_host();
  ASSERT_TRUE(must(store->put_provisional(kHost, 7, {.bytes = filled(9, 1), .until_unix_s = kNow})));
  EXPECT_EQ(sql("SELECT count(*) FROM provisional"), "1");
  const Move move = sample_move(kHost, 7, 1);
  must(store->commit(std::span(&move, 1)));
  EXPECT_EQ(sql("SELECT count(*) FROM provisional"), "0");
}

TEST_F(VstoreFileTest, RefusesWhatIsNoVerifiersDatabase) {
  imakeep::test::write_file(path_,
                            as_bytes("this is a text, and it is long enough for a page of SQLite: no, it is not"));
  EXPECT_EQ(open_sqlite_store(path_).error().code, ErrorCode::kMalformed);
  std::filesystem::remove(path_);
  sql("CREATE TABLE other (a)");
  const auto other = open_sqlite_store(path_);
  ASSERT_FALSE(other);
  EXPECT_EQ(other.error().code, ErrorCode::kMalformed);
  EXPECT_THAT(other.error().message, HasSubstr("another program's SQLite file"));
  EXPECT_EQ(sql("SELECT count(*) FROM sqlite_master"), "1");
  EXPECT_EQ(open_sqlite_store(directory_.path()).error().code, ErrorCode::kEnvironment);
  EXPECT_EQ(open_sqlite_store("/dev/null").error().code, ErrorCode::kEnvironment);
  const auto missing = open_sqlite_store(directory_.file("no/directory"));
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, ErrorCode::kEnvironment);
}

TEST_F(VstoreFileTest, UpgradesFromVersion1AndRefusesANewerOne) {
  with_host();
  EXPECT_EQ(sql("PRAGMA user_version"), "1");
  const std::string step = "ALTER TABLE host ADD COLUMN note TEXT NOT NULL DEFAULT 'none';";
  const std::string wrong = "ALTER TABLE host ADD COLUMN more TEXT; ALTER TABLE nothing ADD COLUMN note TEXT;";
  EXPECT_FALSE(open_sqlite_store(path_, {.more_steps = {step, wrong}}));
  EXPECT_EQ(sql("PRAGMA user_version"), "1") << "all steps or none";
  EXPECT_EQ(*must(open()->host(kHost, kNow)), sample_host(kHost));
  EXPECT_EQ(*must(open({.more_steps = {step}})->host(kHost, kNow)), sample_host(kHost));
  EXPECT_EQ(sql("PRAGMA user_version"), "2");
  EXPECT_EQ(sql("SELECT note FROM host"), "none");
  const auto refused = open_sqlite_store(path_);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kUnsupported);
  EXPECT_THAT(refused.error().message, HasSubstr("of version 2; this imakeep supports versions up to 1"));
}

TEST_F(VstoreFileTest, AFullDiskIsSaidAndSurvived) {
  with_host();
  FaultyVfs vfs;
  const auto store = open({.vfs = vfs.name()});
  must(store->tenants());
  const Move move = sample_move(kHost, 7, 1);
  vfs.fail_at(0, Fault::kNoSpace, true);
  const auto refused = store->commit(std::span(&move, 1));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kEnvironment);
  EXPECT_THAT(refused.error().message, HasSubstr("the disk is full; free space"));
  EXPECT_EQ(*must(store->host(kHost, kNow)), sample_host(kHost)) << "it can still be read";
  vfs.fail_never();
  EXPECT_THAT(must(store->commit(std::span(&move, 1))), ElementsAre(MoveResult::kMoved));
}

// In a process of its own, because root may write any file.
TEST_F(VstoreFileTest, AFileThatCannotBeWrittenIsSaid) {
  with_host();
  ASSERT_EQ(::chmod(path_.c_str(), 0444), 0);
  ASSERT_EQ(::chmod(directory_.path().c_str(), 0555), 0);
  const pid_t pid = ::fork();
  if (pid == 0) {
    if (::geteuid() == 0 && ::setuid(65534) != 0) ::_exit(9);
    const auto refused = open_sqlite_store(path_);
    ::_exit(!refused && refused.error().code == ErrorCode::kEnvironment ? 0 : 1);
  }
  int status = -1;
  ::waitpid(pid, &status, 0);
  ::chmod(directory_.path().c_str(), 0700);
  EXPECT_EQ(status, 0);
}

TEST_F(VstoreFileTest, AWriterWaitsForAnotherProcess) {
  const auto store = with_host();
  sqlite3* blocker = nullptr;
  ASSERT_EQ(sqlite3_open(path_.c_str(), &blocker), SQLITE_OK);
  ASSERT_EQ(sqlite3_exec(blocker, "BEGIN IMMEDIATE", nullptr, nullptr, nullptr), SQLITE_OK);
  EXPECT_EQ(*must(store->host(kHost, kNow)), sample_host(kHost)) << "readers do not wait";
  std::thread ends([&] {
    ::usleep(300'000);
    sqlite3_exec(blocker, "COMMIT", nullptr, nullptr, nullptr);
  });
  must_do(store->set_status(kHost, HostStatus::kDisabled));
  ends.join();
  sqlite3_close(blocker);
}

TEST_F(VstoreFileTest, SeveralProcessesMakeTheFileAtOnce) {
  std::vector<pid_t> children;
  for (int i = 0; i < 4; ++i) {
    const pid_t pid = ::fork();
    if (pid == 0) {
      const auto store = open_sqlite_store(path_);
      const bool added = store && (*store)->add_tenant({.tenant = "t" + std::to_string(i)});
      if (!store) std::fprintf(stderr, "%s\n", describe(store.error()).c_str());
      ::_exit(added ? 0 : 1);
    }
    children.push_back(pid);
  }
  for (const pid_t pid : children) {
    int status = -1;
    ::waitpid(pid, &status, 0);
    EXPECT_EQ(status, 0);
  }
  EXPECT_THAT(must(open()->tenants()), SizeIs(4));
}

// The epoch, the history and the findings are always of the same moment.
TEST_F(VstoreFileTest, AKilledProcessLeavesWholeMoves) {
  with_host();
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t first = must(open()->host(kHost, kNow))->epoch;
    const pid_t pid = ::fork();
    if (pid == 0) {
      const auto store = open();
      for (std::uint64_t epoch = first;; ++epoch) {
        Move move = sample_move(kHost, epoch, epoch);
        move.sightings = {sample_sighting(1)};
        if (!store->commit(std::span(&move, 1))) ::_exit(1);
      }
    }
    while (must(open()->host(kHost, kNow))->epoch < first + 5) {
    }
    ::kill(pid, SIGKILL);
    ::waitpid(pid, nullptr, 0);
    const auto store = open();
    const std::uint64_t moves = must(store->host(kHost, kNow))->epoch - 7;
    EXPECT_EQ(must(store->history(kHost, 0, kNow * 2, 1'000'000)).size(), moves);
    EXPECT_EQ(must(store->findings({.tenant = "t"})).at(0).count, moves);
  }
}

TEST_F(VstoreFileTest, AHostTakesAtMostTwoKibibytes) {
  const auto store = open();
  constexpr std::uint64_t kHosts = 1000;
  must_do(store->add_tenant({.tenant = "t"}));
  std::vector<Move> moves;
  for (std::uint64_t i = 0; i < kHosts; ++i) {
    const HostKey key{.tenant = "t", .host = "0190c3a2-0000-7000-8000-" + std::to_string(100000000000 + i)};
    HostRow row = sample_host(key);
    const Move move = sample_move(key, 7, i);
    row.state = move.state;
    row.answer = move.answer;
    must_do(store->add_host(row));
  }
  sql("PRAGMA wal_checkpoint(TRUNCATE)");
  const auto bytes = std::filesystem::file_size(path_) / kHosts;
  RecordProperty("file_bytes_per_host", static_cast<int>(bytes));
  EXPECT_LE(bytes, 2048u);
}

}  // namespace
}  // namespace imakeep::vstore::test
