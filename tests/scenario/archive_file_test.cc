// SPDX-License-Identifier: Apache-2.0
// archive_file_test.cc - archive files that are damaged, foreign, newer, older, locked, read-only, or read while
// written.
#include <fcntl.h>
#include <sqlite3.h>
#include <sys/stat.h>

#include <atomic>
#include <fstream>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "archive/archive.h"
#include "archive/pcr_bytes.h"
#include "archive/sqlite/checksums.h"
#include "archive/sqlite/schema.h"
#include "archive/sqlite/sqlite_store.h"
#include "archive/test_support.h"
#include "support/scratch_directory.h"

namespace imakeep::archive::test {
namespace {

using imatest::must;
using testing::HasSubstr;

class ArchiveFileTest : public testing::Test {
 protected:
  std::unique_ptr<SqliteStore> open(OpenMode mode = OpenMode::kCreate) { return must(SqliteStore::open(path_, mode)); }
  Error refused(OpenMode mode = OpenMode::kWrite) {
    auto opened = SqliteStore::open(path_, mode);
    return opened ? Error{.message = "was opened"} : opened.error();
  }
  // One chain of `count` records in segments of many sizes.
  void fill(std::size_t count) {
    auto store = open();
    Archive archive(*store);
    must(archive.begin_chain(imatest::banks("sha1,sha256"), ChainStart::kBoot));
    for (std::size_t at = 0; at < count; at += 1500) {
      const std::size_t records = std::min<std::size_t>(1500, count - at);
      must(archive.append(ChainId(1), at, std::span(log_.records).subspan(at, records), log_.bank, 0));
    }
  }
  // The rows that a keeper stores together with records: one of each kind, the anchor at the chain's end.
  void put_keepers_rows() {
    auto store = open(OpenMode::kWrite);
    Archive archive(*store);
    const Chain chain = must(archive.chain(ChainId(1)));
    const AnchorRow anchor{.chain = ChainId(1),
                           .number = chain.end,
                           .broken_at = 2,
                           .why = "gap",
                           .since_unix_s = 5,
                           .pcrs = pcr_bytes(digest::PcrState(chain.banks))};
    const ListRow list{.chain = ChainId(1), .head = 3, .boot_id = "b"};
    const std::vector<IncidentRow> incidents{{.chain = ChainId(1), .kind = "gap", .what = "G."}};
    must(archive.append(ChainId(1), chain.end, {}, log_.bank, 0,
                        {.list = &list, .anchor = &anchor, .incidents = incidents}));
  }
  // An archive of `count` records as an imakeep that knew version 1 only left it.
  void fill_version_1(std::size_t count) {
    fill(count);
    const std::string newer = directory_.file("newer");
    std::filesystem::rename(path_, newer);
    execute(std::string(kUpgrades[0]) + "PRAGMA application_id=" + std::to_string(kApplicationId) +
            "; PRAGMA user_version=1; PRAGMA journal_mode=WAL; ATTACH '" + newer +
            "' AS newer; INSERT INTO chain SELECT chain, banks, byte_order, start, first_kept, \"end\", end_pcrs FROM "
            "newer.chain; INSERT INTO segment SELECT chain, first, records, violations, payload_bytes, added_unix_s, "
            "start_pcrs, data FROM newer.segment; "
            "INSERT INTO pending VALUES (1, 1, 'stage', 0, 5, 9); INSERT INTO verifier VALUES ('fleet', 1, 40); "
            "INSERT INTO source VALUES (1, 1, 'x', x'00', 0, 1, 1); INSERT INTO violation VALUES (1, 0, x'00')");
  }
  void expect_rows_of_version_1(Store& store, std::size_t count) {
    Archive archive(store);
    ASSERT_EQ(must(archive.chain(ChainId(1))).end, count);
    EXPECT_EQ(must(archive.pending())->records, 5u);
    EXPECT_EQ(must(store.sources()).at(0).name, "x");
    EXPECT_EQ(must(archive.acknowledged(ChainId(1))), 40u);
    EXPECT_EQ(must(store.violations(ChainId(1))).size(), 1u);
    EXPECT_TRUE(equal(exported(archive, ChainId(1), log_.bank), ByteView(log_.list).first(list_bytes(count))));
  }
  // As an imakeep that knew version 2 only would have left it.
  void downgrade_to_version_2() {
    std::string sql =
        "PRAGMA journal_mode=DELETE; DROP TABLE seal; DROP TABLE origin; DROP TABLE quote; PRAGMA user_version=2; "
        "ALTER TABLE verifier DROP COLUMN acknowledged_unix_s; "
        "ALTER TABLE segment DROP COLUMN data_checksum;";
    for (const char* const table :
         {"chain", "segment", "pending", "source", "verifier", "violation", "anchor", "list", "incident"}) {
      sql += std::string(" ALTER TABLE ") + table + " DROP COLUMN checksum;";
    }
    execute(sql);
  }
  // Expects the content of fill(2000) and put_keepers_rows().
  void expect_all_rows(Store& store, const char* what) {
    SCOPED_TRACE(what);
    Archive archive(store);
    EXPECT_TRUE(must(archive.check()).empty());
    EXPECT_TRUE(equal(exported(archive, ChainId(1), log_.bank), ByteView(log_.list).first(list_bytes(2000))));
    EXPECT_EQ(must(store.anchors(ChainId(1))).at(0).broken_at, 2u);
    EXPECT_EQ(must(store.list(ChainId(1)))->head, 3u);
    EXPECT_EQ(must(store.incidents()).size(), 1u);
  }
  // Of the log's first records.
  std::size_t list_bytes(std::size_t count) const { return imatest::first_records(log_.list, log_.bank, count).size(); }
  static int version_of(ByteView file) {
    return static_cast<int>(load<std::uint32_t>(file.data() + 60, ByteOrder::kBig));
  }
  void execute(const std::string& sql) {
    sqlite3* database = nullptr;
    ASSERT_EQ(sqlite3_open(path_.c_str(), &database), SQLITE_OK);
    EXPECT_EQ(sqlite3_exec(database, sql.c_str(), nullptr, nullptr, nullptr), SQLITE_OK) << sqlite3_errmsg(database);
    sqlite3_close(database);
  }
  void write(std::string_view content) { std::ofstream(path_, std::ios::binary) << content; }

  imakeep::test::ScratchDirectory directory_;
  const std::string path_ = directory_.file("archive");
  const Incoming log_ = made("/usr/share/archive-file-test/", 6000);
};

TEST_F(ArchiveFileTest, IsMadeForItsOwnerOnlyAndTellsWhatItIs) {
  fill(1);
  struct stat status {};
  ASSERT_EQ(::stat(path_.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777u, 0600u);
  // Where SQLite keeps them: https://sqlite.org/fileformat2.html, sections 1.3.13 and 1.3.19.
  const Bytes file = must(read_file(path_));
  EXPECT_EQ(version_of(file), 5);
  EXPECT_EQ(as_text(ByteView(file).subspan(68, 4)), "imkp");
}

TEST_F(ArchiveFileTest, OfANewerVersionIsRefused) {
  fill(1);
  execute("PRAGMA user_version=6");
  for (const OpenMode mode : {OpenMode::kRead, OpenMode::kWrite, OpenMode::kCreate}) {
    const Error error = refused(mode);
    EXPECT_EQ(error.code, ErrorCode::kUnsupported);
    EXPECT_THAT(error.message, HasSubstr("version 6"));
    EXPECT_THAT(error.message, HasSubstr(path_));
  }
}

TEST_F(ArchiveFileTest, OfVersion1IsReadAsItIs) {
  fill_version_1(2000);
  const Bytes before = must(read_file(path_));
  {
    auto store = open(OpenMode::kRead);
    expect_rows_of_version_1(*store, 2000);
    Archive archive(*store);
    const Chain chain = must(archive.chain(ChainId(1)));
    EXPECT_TRUE(must(archive.anchors(chain)).empty());
    EXPECT_FALSE(must(archive.replay_start(chain)).pcrs);
    EXPECT_FALSE(must(archive.list(ChainId(1))));
    EXPECT_TRUE(must(archive.incidents()).empty());
    const auto findings = must(archive.check());
    ASSERT_EQ(findings.size(), 1u) << "the violation that the test made";
    EXPECT_THAT(findings[0].what, HasSubstr("violation"));
  }
  EXPECT_EQ(must(read_file(path_)), before);
}

TEST_F(ArchiveFileTest, OfVersion1IsUpgradedWithAllItsRows) {
  fill_version_1(2000);
  {
    auto store = open(OpenMode::kWrite);
    expect_rows_of_version_1(*store, 2000);
    EXPECT_FALSE(must(store->list(ChainId(1))));
    Archive archive(*store);
    must(archive.append(ChainId(1), 2000, std::span(log_.records).subspan(2000, 500), log_.bank, 0));
  }
  put_keepers_rows();
  EXPECT_EQ(version_of(must(read_file(path_))), 5);
  auto store = open(OpenMode::kRead);
  expect_rows_of_version_1(*store, 2500);
  EXPECT_EQ(must(store->anchors(ChainId(1))).size(), 1u);
  EXPECT_EQ(must(store->list(ChainId(1)))->head, 3u);
  EXPECT_EQ(must(store->incidents()).size(), 1u);
}

TEST_F(ArchiveFileTest, OfVersion1IsUpgradedUnderAReader) {
  fill_version_1(2000);
  auto reader = open(OpenMode::kRead);
  EXPECT_TRUE(must(reader->anchors(ChainId(1))).empty());
  put_keepers_rows();
  EXPECT_EQ(must(reader->anchors(ChainId(1))).size(), 1u);
  EXPECT_EQ(must(reader->list(ChainId(1)))->head, 3u);
  EXPECT_EQ(must(reader->incidents()).size(), 1u);
}

// The checksum and the seal are those that an imakeep wrote that knew version 3 only.
TEST_F(ArchiveFileTest, OfVersion3IsReadAsItIsAndUpgradedWithItsVerifiers) {
  fill(2000);
  RowChecksum checksum("verifier");
  checksum.add("name", std::string_view("fleet"));
  checksum.add("chain", std::uint64_t{1});
  checksum.add("acknowledged", std::uint64_t{40});
  const std::string sum = std::to_string(checksum.value());
  RowChecksum seal("seal");
  seal.add("name", std::string_view("verifier"));
  seal.add("chain", std::uint64_t{0});
  seal.add("rows", std::uint64_t{1});
  seal.add("sum", static_cast<std::uint64_t>(checksum.value()));
  execute(
      "DROP TABLE quote; ALTER TABLE verifier DROP COLUMN acknowledged_unix_s; INSERT INTO verifier VALUES ('fleet', "
      "1, 40, " +
      sum + "); INSERT INTO seal VALUES ('verifier', 0, 1, " + sum + ", " + std::to_string(seal.value()) +
      "); PRAGMA user_version=3");
  {
    auto store = open(OpenMode::kRead);
    Archive archive(*store);
    EXPECT_EQ(must(archive.acknowledged(ChainId(1))), 40u);
    EXPECT_TRUE(must(archive.check()).empty());
  }
  {
    auto store = open(OpenMode::kWrite);
    Archive archive(*store);
    EXPECT_EQ(must(archive.verifiers(ChainId(1))).at(0).acknowledged_unix_s, 0);
    EXPECT_FALSE(must(archive.acknowledge("fleet", ChainId(1), 41, 77)));
  }
  EXPECT_EQ(version_of(must(read_file(path_))), 5);
  auto store = open(OpenMode::kRead);
  Archive archive(*store);
  const Verifier verifier = must(archive.verifiers(ChainId(1))).at(0);
  EXPECT_EQ(std::tie(verifier.name, verifier.acknowledged, verifier.acknowledged_unix_s), std::tuple("fleet", 41u, 77));
  EXPECT_TRUE(must(archive.check()).empty());
}

TEST_F(ArchiveFileTest, OfVersion4HasNoQuotesAndKeepsThemOnceItIsUpgraded) {
  fill(2000);
  execute("DROP TABLE quote; PRAGMA user_version=4");
  {
    auto store = open(OpenMode::kRead);
    Archive archive(*store);
    EXPECT_TRUE(must(archive.quotes(ChainId(1))).empty());
    EXPECT_TRUE(must(archive.check()).empty());
  }
  const AcceptedQuote quote{.statement = Bytes(3), .signature = Bytes(4), .ak_public = Bytes(5)};
  must(Archive(*open(OpenMode::kWrite)).acknowledge("fleet", ChainId(1), 41, 77, quote));
  EXPECT_EQ(version_of(must(read_file(path_))), 5);
  {
    auto store = open(OpenMode::kRead);
    Archive archive(*store);
    EXPECT_EQ(must(archive.quotes(ChainId(1))).at(0).records, 41u);
    EXPECT_TRUE(must(archive.check()).empty());
  }
  execute("UPDATE quote SET records = 42");
  EXPECT_EQ(Archive(*open(OpenMode::kRead)).quotes(ChainId(1)).error().code, ErrorCode::kMalformed);
  execute("DELETE FROM quote");
  EXPECT_EQ(Archive(*open(OpenMode::kRead)).quotes(ChainId(1)).error().code, ErrorCode::kMalformed);
}

TEST_F(ArchiveFileTest, WhoseMakingWasInterruptedIsMadeAnewAndReadsAsEmpty) {
  write("");
  EXPECT_TRUE(must(open(OpenMode::kRead)->chains()).empty());
  EXPECT_TRUE(open(OpenMode::kRead)->check_file().empty());
  fill(3);
  EXPECT_EQ(must(open(OpenMode::kRead)->chains()).size(), 1u);
}

TEST_F(ArchiveFileTest, OfAnotherProgramIsRefusedAndLeftAlone) {
  execute("CREATE TABLE precious (a); PRAGMA user_version=7");
  EXPECT_EQ(refused().code, ErrorCode::kMalformed);
  EXPECT_THAT(refused(OpenMode::kCreate).message, HasSubstr("another program's"));
  write(
      "this is no database at all, but long enough to be taken for one by its first hundred bytes; "
      "this is no database at all, but long enough to be taken for one by its first hundred bytes");
  EXPECT_EQ(refused(OpenMode::kRead).code, ErrorCode::kMalformed);
  EXPECT_THAT(refused().message, HasSubstr("no archive"));
}

// Data that is written to a file without a name is lost when the process that has it open ends.
TEST_F(ArchiveFileTest, ThatWasMovedOrRemovedTakesNothingMore) {
  for (const bool removed : {false, true}) {
    fill(4);
    auto store = open(OpenMode::kWrite);
    Archive archive(*store);
    if (removed) {
      std::filesystem::remove(path_);
    } else {
      std::filesystem::rename(path_, directory_.file("moved"));
    }
    EXPECT_EQ(archive.set_pending({.chain = ChainId(1), .method = "count"}).error().code, ErrorCode::kEnvironment);
    store.reset();
    for (const char* suffix : {"", "-wal", "-shm"}) std::filesystem::remove(path_ + suffix);
  }
}

// SQLite would throw away the log of a database that is not there, and with it what is in the log alone.
TEST_F(ArchiveFileTest, ThatIsAwayIsNotMadeAnewWhileItsLogIsThere) {
  fill(4);
  const std::string away = directory_.file("away");
  std::string log;
  {
    auto store = open(OpenMode::kWrite);
    must(Archive(*store).set_pending({.chain = ChainId(1), .method = "count"}));
    log = std::string(as_text(must(read_file(path_ + "-wal"))));
  }  // its end empties the log
  ASSERT_FALSE(log.empty());
  std::filesystem::rename(path_, away);
  must(replace_file(path_ + "-wal", as_bytes(log), 0600));
  const std::string link = directory_.file("link");
  std::filesystem::create_symlink(path_, link);
  for (const std::string& name : {path_, link}) {
    const auto store = SqliteStore::open(name, OpenMode::kCreate);
    ASSERT_FALSE(store);
    EXPECT_EQ(store.error().code, ErrorCode::kEnvironment);
    EXPECT_THAT(store.error().message, HasSubstr(path_ + "-wal exists without its archive"));
    EXPECT_FALSE(std::filesystem::exists(path_)) << "nothing was made";
  }
  write("");
  EXPECT_FALSE(SqliteStore::open(path_, OpenMode::kCreate)) << "an empty file is no archive either";
  EXPECT_EQ(must(read_file(path_ + "-wal")).size(), log.size());
  std::filesystem::rename(away, path_);
  EXPECT_TRUE(must(Archive(*open()).pending()).has_value());
}

TEST_F(ArchiveFileTest, WithASecondNameIsNotWrittenTo) {
  fill(4);
  std::filesystem::create_hard_link(path_, directory_.file("hard"));
  EXPECT_EQ(SqliteStore::open(path_, OpenMode::kWrite).error().code, ErrorCode::kEnvironment);
  EXPECT_EQ(SqliteStore::open(directory_.file("hard"), OpenMode::kCreate).error().code, ErrorCode::kEnvironment);
  EXPECT_TRUE(SqliteStore::open(path_, OpenMode::kRead).has_value());
}

TEST_F(ArchiveFileTest, MissingOrNoFileIsAnEnvironmentError) {
  EXPECT_EQ(refused(OpenMode::kRead).code, ErrorCode::kEnvironment);
  EXPECT_FALSE(std::filesystem::exists(path_));
  std::filesystem::create_directory(path_);
  EXPECT_THAT(refused(OpenMode::kCreate).message, HasSubstr("not a regular file"));
}

TEST_F(ArchiveFileTest, HasOneWriterWhichIsNamed) {
  const auto writer = open();
  const Error error = refused();
  EXPECT_EQ(error.code, ErrorCode::kEnvironment);
  EXPECT_THAT(error.message, HasSubstr("process " + std::to_string(::getpid())));
}

TEST_F(ArchiveFileTest, IsReadWhileItIsWritten) {
  fill(1500);
  auto writer = open();
  auto reader = open(OpenMode::kRead);
  Archive writing(*writer);
  Archive reading(*reader);
  Transaction transaction(*writer);
  must(transaction.begin());
  must(writer->set_pending(PendingRow{.chain = ChainId(1), .method = "count", .first = 0, .records = 1}));
  EXPECT_FALSE(must(reader->pending())) << "not committed yet";
  EXPECT_EQ(exported(reading, ChainId(1), log_.bank).size(), exported(writing, ChainId(1), log_.bank).size());
  must(transaction.commit());
  EXPECT_TRUE(must(reader->pending()));
  must(writing.append(ChainId(1), 1500, std::span(log_.records).subspan(1500, 100), log_.bank, 0));
  EXPECT_EQ(must(reading.chain(ChainId(1))).end, 1600u);
}

TEST_F(ArchiveFileTest, ReaderChangesNothing) {
  fill(10);
  auto reader = open(OpenMode::kRead);
  const auto begun = reader->begin();
  ASSERT_FALSE(begun);
  EXPECT_EQ(begun.error().code, ErrorCode::kEnvironment);
  EXPECT_THAT(begun.error().message, HasSubstr("read-only"));
}

TEST_F(ArchiveFileTest, IsCheckedAndReadWhileSmallAppendsAreGathered) {
  fill(0);
  std::atomic<bool> done = false;
  std::thread writing([&] {
    auto store = open();
    Archive archive(*store);
    for (std::size_t at = 0; at < log_.records.size(); at += 20) {
      must(archive.append(ChainId(1), at, std::span(log_.records).subspan(at, 20), log_.bank, 0));
    }
    done = true;
  });
  auto store = open(OpenMode::kRead);
  Archive archive(*store);
  int checks = 0;
  for (bool last = false; !last; ++checks) {
    last = done;
    const auto findings = must(archive.check());
    EXPECT_TRUE(findings.empty()) << findings.front().what;
    const Bytes list = exported(archive, ChainId(1), log_.bank);
    EXPECT_TRUE(equal(list, ByteView(log_.list).first(list.size())));
  }
  writing.join();
  EXPECT_GT(checks, 3);
}

// Rows and their seal are read one after the other.
TEST_F(ArchiveFileTest, IsNeverTakenForDamagedWhileRowsAreAdded) {
  fill(1);
  std::atomic<bool> done = false;
  std::thread writing([&] {
    auto store = open();
    for (int i = 0; i < 300; ++i) {
      Transaction transaction(*store);
      must(transaction.begin());
      must(store->put_incident({.chain = ChainId(1), .kind = "gap", .what = "G."}));
      must(store->put_list({.chain = ChainId(1), .head = 0, .trims = static_cast<std::uint64_t>(i)}));
      must(store->set_pending(i % 2 == 0 ? std::optional(PendingRow{.chain = ChainId(1), .method = "count"})
                                         : std::nullopt));
      must(transaction.commit());
    }
    done = true;
  });
  auto store = open(OpenMode::kRead);
  while (!done) {
    must(store->incidents());
    must(store->list(ChainId(1)));
    must(store->pending());
    must(store->chains());
  }
  writing.join();
  EXPECT_EQ(must(store->incidents()).size(), 300u);
}

// After a part of the file was overwritten, every record is served as it was, or named as damaged.
void expect_served_or_named(const std::string& path, const Incoming& log, bool& found_damage) {
  const auto store = SqliteStore::open(path, OpenMode::kRead);
  if (!store) {
    found_damage = true;
    EXPECT_EQ(store.error().code, ErrorCode::kMalformed) << describe(store.error());
    return;
  }
  Archive archive(**store);
  const auto findings = archive.check();
  ASSERT_TRUE(findings) << describe(findings.error());
  const auto chain = archive.chain(ChainId(1));
  if (!chain || findings->empty()) {
    found_damage = !findings->empty();
    EXPECT_TRUE(found_damage || equal(exported(archive, ChainId(1), log.bank), log.list));
    return;
  }
  found_damage = true;
  ArchiveReader reader(**store, *chain, 0, chain->end);
  std::uint64_t at = 0;
  for (;;) {
    const auto step = reader.next();
    if (!step || step->done()) break;
    if (step->damage) {
      ASSERT_EQ(step->damage->first, at);
      at += step->damage->records;
      continue;
    }
    ASSERT_EQ(step->record->number, at);
    if (at < log.records.size()) {
      const IncomingView& expected = log.records[at];
      const bool same = equal(step->record->record.content.body, expected.content.body);
      const bool named = std::any_of(findings->begin(), findings->end(), [&](const Finding& finding) {
        return at >= finding.first && at < finding.first + finding.records;
      });
      ASSERT_TRUE(same || named) << "record " << at << " is wrong and check() does not say so";
    }
    ++at;
  }
}

TEST_F(ArchiveFileTest, DamagedAnywhereServesTheRestAndNamesWhatIsGone) {
  fill(6000);
  put_keepers_rows();
  Bytes whole = must(read_file(path_));
  int damaged = 0;
  // Sixteen bytes in every half page, and the whole of every page.
  for (std::size_t at = 0; at < whole.size(); at += 2048) {
    for (const std::size_t bytes : {std::size_t{16}, std::size_t{4096}}) {
      if (bytes == 4096 && at % 4096 != 0) continue;
      Bytes copy = whole;
      for (std::size_t i = at; i < std::min(at + bytes, copy.size()); ++i) copy[i] ^= std::byte{0xa5};
      write(as_text(copy));
      bool found = false;
      expect_served_or_named(path_, log_, found);
      damaged += found ? 1 : 0;
    }
  }
  EXPECT_GT(damaged, 100);
}

TEST_F(ArchiveFileTest, CutShortIsDamaged) {
  fill(6000);
  Bytes whole = must(read_file(path_));
  for (const std::size_t keep :
       {whole.size() - 4096, whole.size() / 2, std::size_t{8192}, std::size_t{4096}, std::size_t{600}}) {
    write(as_text(ByteView(whole).first(keep)));
    bool found = false;
    expect_served_or_named(path_, log_, found);
    EXPECT_TRUE(found) << keep;
  }
}

TEST_F(ArchiveFileTest, NamesADamagedSegmentAndItsRecords) {
  fill(6000);
  execute(
      "UPDATE segment SET data = zeroblob(length(data)) WHERE first = (SELECT first FROM segment ORDER BY first LIMIT "
      "1 OFFSET 1)");
  auto store = open(OpenMode::kRead);
  Archive archive(*store);
  const auto findings = must(archive.check());
  ASSERT_EQ(findings.size(), 1u);
  const auto segments = store->segments(ChainId(1)).segments;
  EXPECT_EQ(findings[0].first, segments[1].first);
  EXPECT_EQ(findings[0].records, segments[1].records);
}

TEST_F(ArchiveFileTest, NamesASegmentThatWasReplacedByAnother) {
  fill(6000);
  execute(
      "UPDATE segment SET data = (SELECT data FROM segment ORDER BY first LIMIT 1 OFFSET 2), "
      "records = (SELECT records FROM segment ORDER BY first LIMIT 1 OFFSET 2) WHERE first = 0");
  auto store = open(OpenMode::kRead);
  const auto findings = must(Archive(*store).check());
  ASSERT_FALSE(findings.empty());
  EXPECT_EQ(findings[0].first, 0u);
}

TEST_F(ArchiveFileTest, NamesRecordsThatNoSegmentHolds) {
  fill(6000);
  execute("DELETE FROM segment WHERE first = (SELECT max(first) FROM segment)");
  auto store = open(OpenMode::kRead);
  const auto findings = must(Archive(*store).check());
  ASSERT_EQ(findings.size(), 1u);
  EXPECT_EQ(findings[0].first + findings[0].records, 6000u);
  EXPECT_THAT(findings[0].what, HasSubstr("no segment"));
}

TEST_F(ArchiveFileTest, NamesKeepersRowsThatNoKeeperWrites) {
  fill(10);
  put_keepers_rows();
  const std::vector<std::pair<const char*, const char*>> damages{
      {"UPDATE anchor SET number = -1", "table anchor, chain 1, number -1 does not match its checksum"},
      {"UPDATE anchor SET broken_at = -1", "table anchor, chain 1, number 10 does not match its checksum"},
      {"UPDATE anchor SET pcrs = x'ff'", "table anchor, chain 1, number 10 does not match its checksum"},
      {"UPDATE list SET head = head + 1", "table list, chain 1 does not match its checksum"},
      {"UPDATE list SET boot_id = 'c'", "table list, chain 1 does not match its checksum"},
      {"UPDATE incident SET records = 7", "table incident, incident 1 does not match its checksum"},
      {"UPDATE seal SET sum = sum + 1 WHERE name = 'anchor'", "the seal of table anchor is damaged"},
      {"DELETE FROM seal WHERE name = 'anchor'", "table anchor, chain 1: rows are missing or duplicated"},
      {"DELETE FROM anchor", "table anchor, chain 1: rows are missing or duplicated"},
      {"DELETE FROM list", "table list: rows are missing or duplicated"},
      {"DELETE FROM incident", "table incident: rows are missing or duplicated"},
      {"INSERT INTO incident SELECT 2, chain, first, records, kind, what, since_unix_s, checksum FROM incident",
       "table incident, incident 2 does not match its checksum"},
      {"DROP TABLE anchor", "anchor"},
      {"DROP TABLE list", "list"},
      {"DROP TABLE incident", "incident"}};
  for (const auto& [damage, named] : damages) {
    SCOPED_TRACE(damage);
    const Bytes whole = must(read_file(path_));
    execute(damage);
    {
      auto store = open(OpenMode::kRead);
      Archive archive(*store);
      EXPECT_THAT(must(archive.check()), testing::Contains(testing::Field(&Finding::what, HasSubstr(named))));
      EXPECT_TRUE(equal(exported(archive, ChainId(1), log_.bank), ByteView(log_.list).first(list_bytes(10))));
    }
    write(as_text(whole));
  }
  EXPECT_TRUE(must(Archive(*open(OpenMode::kRead)).check()).empty());
}

TEST_F(ArchiveFileTest, OfVersion2IsUpgradedWithAChecksumForEveryRow) {
  fill(2000);
  put_keepers_rows();
  downgrade_to_version_2();
  expect_all_rows(*open(OpenMode::kRead), "read as it is");
  expect_all_rows(*open(OpenMode::kWrite), "upgraded");
  EXPECT_EQ(version_of(must(read_file(path_))), 5);
  expect_all_rows(*open(OpenMode::kRead), "read after the upgrade");
  execute("UPDATE list SET head = 4");
  EXPECT_EQ(open(OpenMode::kRead)->list(ChainId(1)).error().code, ErrorCode::kMalformed);
}

TEST_F(ArchiveFileTest, WhoseVersionDoesNotGoWithItsTablesIsDamaged) {
  fill(10);
  for (const char* const version : {"1", "2", "4"}) {
    execute(std::string("PRAGMA user_version=") + version);
    auto store = open(OpenMode::kRead);
    EXPECT_EQ(store->chains().error().code, ErrorCode::kMalformed);
    EXPECT_EQ(store->pending().error().code, ErrorCode::kMalformed);
    EXPECT_EQ(store->segment_from(ChainId(1), 0).error().code, ErrorCode::kMalformed);
    EXPECT_EQ(refused(OpenMode::kWrite).code, ErrorCode::kMalformed);
  }
  execute("PRAGMA user_version=0");
  EXPECT_EQ(refused(OpenMode::kRead).code, ErrorCode::kMalformed);
}

// Its number would be that of another chain.
TEST_F(ArchiveFileTest, WithADamagedChainHasNoLastChainAndBeginsNone) {
  fill(10);
  {
    auto store = open();
    must(Archive(*store).begin_chain(imatest::banks("sha1"), ChainStart::kBoot));
  }
  execute("UPDATE chain SET first_kept = 1 WHERE chain = 2");
  auto store = open();
  Archive archive(*store);
  EXPECT_EQ(archive.chain_or_last(std::nullopt).error().code, ErrorCode::kMalformed);
  EXPECT_EQ(archive.begin_chain(imatest::banks("sha1"), ChainStart::kBoot).error().code, ErrorCode::kMalformed);
  EXPECT_EQ(archive.chain(ChainId(2)).error().code, ErrorCode::kMalformed);
  EXPECT_EQ(must(archive.chain(ChainId(1))).end, 10u);
}

TEST_F(ArchiveFileTest, KeepsTheDamageOfASealAndOfRowsThatAreMissingInMind) {
  fill(10);
  put_keepers_rows();
  execute("DELETE FROM incident");
  auto store = open();
  Transaction transaction(*store);
  must(transaction.begin());
  must(store->put_incident({.chain = ChainId(1), .kind = "gap", .what = "H."}));
  must(transaction.commit());
  EXPECT_EQ(store->incidents().error().code, ErrorCode::kMalformed);
}

TEST_F(ArchiveFileTest, TakesRecordsInWhereASmallSegmentIsDamaged) {
  fill(10);
  execute("UPDATE segment SET added_unix_s = 1");
  auto store = open();
  Archive archive(*store);
  must(archive.append(ChainId(1), 10, std::span(log_.records).subspan(10, 5), log_.bank, 0));
  ArchiveReader reader(*store, must(archive.chain(ChainId(1))), 0, 15);
  const auto damaged = must(reader.next());
  ASSERT_TRUE(damaged.damage);
  EXPECT_EQ(damaged.damage->records, 10u);
  EXPECT_THAT(damaged.damage->what, HasSubstr("table segment, chain 1, first 0 does not match its checksum"));
  EXPECT_EQ(must(reader.next()).record->number, 10u);
  EXPECT_EQ(archive.stats(ChainId(1)).error().code, ErrorCode::kMalformed);
}

TEST_F(ArchiveFileTest, TakesRecordsInWhereTheAnchorsCannotBeRead) {
  fill(10);
  put_keepers_rows();
  execute("DROP TABLE anchor");
  auto store = open();
  Archive archive(*store);
  for (std::size_t at = 10; at < 100; ++at) {
    must(archive.append(ChainId(1), at, std::span(log_.records).subspan(at, 1), log_.bank, 0));
  }
  EXPECT_EQ(store->segments(ChainId(1)).segments.size(), 91u) << "nothing is gathered, for an anchor may lie anywhere";
  EXPECT_TRUE(equal(exported(archive, ChainId(1), log_.bank), ByteView(log_.list).first(list_bytes(100))));
}

}  // namespace
}  // namespace imakeep::archive::test
