// SPDX-License-Identifier: Apache-2.0
// archive_fault_test.cc - the disk fails at every single write, sync and truncation of an import, before and after it
// took effect, once and for good, and so at those of an upgrade; and the process dies at random moments of an import.
#include <fcntl.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/wait.h>
#include <unistd.h>

#include <random>

#include <gtest/gtest.h>

#include "archive/import.h"
#include "archive/pcr_bytes.h"
#include "archive/sqlite/sqlite_store.h"
#include "archive/test_support.h"
#include "support/faulty_vfs.h"
#include "support/scratch_directory.h"

namespace imakeep::archive::test {
namespace {

using imakeep::test::Fault;
using imatest::must;

class ArchiveFaultTest : public testing::Test {
 protected:
  // Imports the list in as many batches as it has groups of `batch` records.
  Result<void> fill(const std::string& vfs, std::size_t batch) {
    auto store = SqliteStore::open(path_, OpenMode::kCreate, vfs);
    if (!store) return unexpected(store.error());
    Archive archive(**store);
    const auto chains = archive.chains();
    if (!chains) return unexpected(chains.error());
    if (chains->empty()) {
      const auto begun = archive.begin_chain(imatest::banks("sha1"), ChainStart::kBoot);
      if (!begun) return unexpected(begun.error());
    }
    const auto chain = archive.chain(ChainId(1));
    if (!chain) return unexpected(chain.error());
    committed_ = chain->end;
    for (std::size_t at = chain->end; at < log_.records.size(); at += batch) {
      const std::size_t records = std::min(batch, log_.records.size() - at);
      const SourceRow source{
          .source = 1, .chain = ChainId(1), .name = "log", .sha256 = Bytes(32), .records = 1, .done = at + records};
      const ListRow list{.chain = ChainId(1), .head = at, .proven = at + records};
      const AnchorRow anchor{.chain = ChainId(1),
                             .number = at + records,
                             .broken_at = at,
                             .why = "gap",
                             .pcrs = pcr_bytes(digest::PcrState(chain->banks))};
      const std::vector<IncidentRow> incidents{{.chain = ChainId(1), .first = at, .kind = "gap", .what = "G."}};
      const auto appended =
          archive.append(ChainId(1), at, std::span(log_.records).subspan(at, records), log_.bank, 0,
                         {.source = &source, .list = &list, .anchor = &anchor, .incidents = incidents});
      if (!appended) return unexpected(appended.error());
      committed_ = at + records;
    }
    return {};
  }

  // The archive passes its check and holds a prefix of the list, at least what was committed.
  void expect_a_prefix(bool one_source = true) {
    auto store = SqliteStore::open(path_, OpenMode::kRead);
    ASSERT_TRUE(store) << describe(store.error());
    Archive archive(**store);
    const auto findings = must(archive.check());
    ASSERT_TRUE(findings.empty()) << findings.front().what;
    const auto chains = must(archive.chains());
    if (chains.empty()) {
      ASSERT_EQ(committed_, 0u);
      return;
    }
    const Bytes list = exported(archive, ChainId(1), log_.bank);
    ASSERT_LE(list.size(), log_.list.size());
    ASSERT_TRUE(equal(list, ByteView(log_.list).first(list.size())));
    ASSERT_GE(chains[0].end, committed_) << "what append() returned for is lost";
    if (!one_source) return;
    const auto sources = must((*store)->sources());
    ASSERT_EQ(sources.empty() ? 0 : sources[0].done, chains[0].end) << "records and progress are of one commit";
    expect_rows_of_the_commit(archive, chains[0]);
  }

  void expect_rows_of_the_commit(Archive& archive, const Chain& chain) {
    const auto list = must(archive.list(ChainId(1)));
    const auto anchors = must(archive.anchors(chain));
    ASSERT_EQ(list ? list->proven : 0, chain.end);
    ASSERT_EQ(anchors.empty() ? 0 : anchors.back().number, chain.end);
    ASSERT_EQ(must(archive.incidents()).size(), anchors.size());
  }

  void start_anew() {
    for (const char* suffix : {"", "-wal", "-shm", ".lock"}) ::unlink((path_ + suffix).c_str());
    committed_ = 0;
  }

  imakeep::test::ScratchDirectory directory_{imakeep::test::ScratchDirectory::in_memory()};
  const std::string path_ = directory_.file("archive");
  const Incoming log_ = made("/usr/lib/fault/", 1000);
  std::uint64_t committed_ = 0;
};

TEST_F(ArchiveFaultTest, LosesNothingCommittedWhateverTheDiskDoes) {
  imakeep::test::FaultyVfs vfs;
  constexpr std::size_t kBatch = 200;
  must(fill(vfs.name(), kBatch));
  const std::uint64_t operations = vfs.operations();
  ASSERT_GT(operations, 50u);
  std::uint64_t failures = 0;
  for (const Fault fault : {Fault::kNoSpace, Fault::kIoBefore, Fault::kIoAfter, Fault::kShortWrite}) {
    for (const bool lasting : {false, true}) {
      for (std::uint64_t at = 0; at < operations; ++at) {
        SCOPED_TRACE("fault " + std::to_string(static_cast<int>(fault)) + (lasting ? ", lasting," : ",") +
                     " at operation " + std::to_string(at));
        start_anew();
        vfs.fail_at(at, fault, lasting);
        const auto filled = fill(vfs.name(), kBatch);
        vfs.fail_never();
        if (!filled) {
          ++failures;
          ASSERT_TRUE(filled.error().code == ErrorCode::kEnvironment || filled.error().code == ErrorCode::kIo)
              << describe(filled.error());
          ASSERT_NE(filled.error().message.find(path_), std::string::npos) << filled.error().message;
        }
        ASSERT_NO_FATAL_FAILURE(expect_a_prefix());
        // When the disk works again, the same import continues.
        ASSERT_TRUE(fill({}, kBatch));
        ASSERT_EQ(committed_, log_.records.size());
        ASSERT_NO_FATAL_FAILURE(expect_a_prefix());
      }
    }
  }
  EXPECT_GT(failures, operations) << "faults without a failure prove nothing";
}

class UpgradeFaultTest : public ArchiveFaultTest {
 protected:
  // A file of version 1: version 2 only added tables, version 3 tables and columns, version 4 a column,
  // and version 5 a table.
  Bytes version_1() {
    {
      const auto store = must(SqliteStore::open(path_, OpenMode::kCreate));
      Archive archive(*store);
      must(archive.begin_chain(imatest::banks("sha1"), ChainStart::kBoot));
      must(archive.append(ChainId(1), 0, log_.records, log_.bank, 0));
    }
    sqlite3* database = nullptr;
    EXPECT_EQ(sqlite3_open(path_.c_str(), &database), SQLITE_OK);
    std::string sql =
        "DROP TABLE anchor; DROP TABLE list; DROP TABLE incident; DROP TABLE seal; DROP TABLE origin; DROP TABLE "
        "quote; "
        "ALTER TABLE segment DROP COLUMN data_checksum; ALTER TABLE verifier DROP COLUMN acknowledged_unix_s; "
        "PRAGMA user_version=1;";
    for (const char* const table : {"chain", "segment", "pending", "source", "verifier", "violation"}) {
      sql += std::string(" ALTER TABLE ") + table + " DROP COLUMN checksum;";
    }
    EXPECT_EQ(sqlite3_exec(database, sql.c_str(), nullptr, nullptr, nullptr), SQLITE_OK);
    sqlite3_close(database);
    return must(read_file(path_));
  }
  void put_back(const Bytes& file) {
    start_anew();
    const auto fd = must(open_file(path_, O_WRONLY | O_CREAT, 0600));
    must(write_all(fd.get(), file, path_));
  }
  void expect_every_record(OpenMode mode) {
    const auto store = SqliteStore::open(path_, mode);
    ASSERT_TRUE(store) << describe(store.error());
    Archive archive(**store);
    ASSERT_TRUE(equal(exported(archive, ChainId(1), log_.bank), log_.list));
    ASSERT_TRUE(must(archive.check()).empty());
    ASSERT_TRUE(must(archive.incidents()).empty());
    if (mode == OpenMode::kRead) return;
    const ListRow list{.chain = ChainId(1), .head = 1};
    must(archive.append(ChainId(1), log_.records.size(), {}, log_.bank, 0, {.list = &list}));
    ASSERT_EQ(must(archive.list(ChainId(1)))->head, 1u);
  }
};

TEST_F(UpgradeFaultTest, UpgradesWholeOrNotAtAllWhateverTheDiskDoes) {
  imakeep::test::FaultyVfs vfs;
  const Bytes file = version_1();
  put_back(file);
  vfs.fail_never();
  must(SqliteStore::open(path_, OpenMode::kWrite, vfs.name()));
  const std::uint64_t operations = vfs.operations();
  ASSERT_GT(operations, 5u);
  for (const Fault fault : {Fault::kNoSpace, Fault::kIoBefore, Fault::kIoAfter, Fault::kShortWrite}) {
    for (std::uint64_t at = 0; at < operations; ++at) {
      SCOPED_TRACE("fault " + std::to_string(static_cast<int>(fault)) + " at operation " + std::to_string(at));
      put_back(file);
      vfs.fail_at(at, fault, true);
      const auto upgraded = SqliteStore::open(path_, OpenMode::kWrite, vfs.name());
      vfs.fail_never();
      if (!upgraded) {
        ASSERT_TRUE(upgraded.error().code == ErrorCode::kEnvironment || upgraded.error().code == ErrorCode::kIo)
            << describe(upgraded.error());
      }
      ASSERT_NO_FATAL_FAILURE(expect_every_record(OpenMode::kRead));
      if (upgraded) continue;
      ASSERT_NO_FATAL_FAILURE(expect_every_record(OpenMode::kWrite));
    }
  }
}

TEST_F(ArchiveFaultTest, SyncsEveryCommitBeforeItReturns) {
  imakeep::test::FaultyVfs vfs;
  const auto store = must(SqliteStore::open(path_, OpenMode::kCreate, vfs.name()));
  Archive archive(*store);
  must(archive.begin_chain(imatest::banks("sha1"), ChainStart::kBoot));
  for (std::size_t at = 0; at < 100; at += 10) {
    const std::uint64_t before = vfs.syncs();
    must(archive.append(ChainId(1), at, std::span(log_.records).subspan(at, 10), log_.bank, 0));
    EXPECT_GT(vfs.syncs(), before) << at;
  }
}

// Imports three saved lists as `imakeep log import` does. The second and the third begin within archived records.
class KilledImport : public ArchiveFaultTest {
 protected:
  Result<ImportReport> import() {
    auto store = SqliteStore::open(path_, OpenMode::kCreate);
    if (!store) return unexpected(store.error());
    Archive archive(**store);
    const digest::Bank bank = log_.bank;
    const std::vector<ImportPart> parts{{.name = "first", .list = first_, .bank = bank},
                                        {.name = "grown", .list = grown_, .bank = bank},
                                        {.name = "rest", .list = rest_, .bank = bank}};
    ImportOptions options{.banks = {bank}, .no_repeats = true, .new_chain = true, .batch_records = 20};
    return import_lists(archive, parts, options);
  }
  // Records [from, to) of the log.
  Bytes piece(std::size_t from, std::size_t to) const {
    Bytes list;
    for (std::size_t i = from; i < to; ++i) {
      imalog::encode_record(list, log_.records[i].content, log_.records[i].shown);
    }
    return list;
  }

  const Bytes first_ = piece(0, 400);
  const Bytes grown_ = piece(350, 800);
  const Bytes rest_ = piece(700, 1000);
};

TEST_F(KilledImport, KeepsAPrefixAtAThousandMomentsAndGoesOnFromThere) {
  // The seed is fixed; the moments differ all the same, as the machine does.
  std::mt19937 random(7);
  constexpr int kKills = 1000;
  int cut_short = 0;
  int goes_on = 0;
  for (int kill_number = 0; kill_number < kKills; ++kill_number) {
    start_anew();
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      static_cast<void>(import());
      ::_exit(0);
    }
    ::usleep(std::uniform_int_distribution<useconds_t>(0, 25'000)(random));
    ::kill(child, SIGKILL);
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    cut_short += WIFSIGNALED(status) ? 1 : 0;
    if (!std::filesystem::exists(path_)) continue;
    ASSERT_NO_FATAL_FAILURE(expect_a_prefix(false));
    if (kill_number % 10 != 0) continue;
    // The same command again ends what was begun, in the chain that was begun.
    ++goes_on;
    must(import());
    auto store = must(SqliteStore::open(path_, OpenMode::kRead));
    Archive archive(*store);
    ASSERT_TRUE(equal(exported(archive, ChainId(1), log_.bank), log_.list));
    ASSERT_EQ(must(archive.chains()).size(), 1u);
  }
  EXPECT_GT(cut_short, kKills / 4);
  EXPECT_GT(goes_on, 50);
  std::printf("%d of %d imports were cut short\n", cut_short, kKills);
}

}  // namespace
}  // namespace imakeep::archive::test
