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
      must(archive.append(1, at, std::span(log_.records).subspan(at, records), log_.bank, 0));
    }
  }
  // What a keeper puts beside records: a row of each kind, the anchor at the chain's end.
  void put_keepers_rows() {
    auto store = open(OpenMode::kWrite);
    Archive archive(*store);
    const Chain chain = must(archive.chain(1));
    const AnchorRow anchor{.chain = 1,
                           .number = chain.end,
                           .broken_at = 2,
                           .why = "gap",
                           .since_unix_s = 5,
                           .pcrs = pcr_bytes(digest::PcrState(chain.banks))};
    const ListRow list{.chain = 1, .head = 3, .boot_id = "b"};
    const std::vector<IncidentRow> incidents{{.chain = 1, .kind = "gap", .what = "G."}};
    must(archive.append(1, chain.end, {}, log_.bank, 0, {.list = &list, .anchor = &anchor, .incidents = incidents}));
  }
  // An archive of `count` records as an imakeep that knew version 1 only left it.
  void fill_version_1(std::size_t count) {
    fill(count);
    const std::string newer = directory_.file("newer");
    std::filesystem::rename(path_, newer);
    execute(std::string(kUpgrades[0]) + "PRAGMA application_id=" + std::to_string(kApplicationId) +
            "; PRAGMA user_version=1; PRAGMA journal_mode=WAL; ATTACH '" + newer +
            "' AS newer; INSERT INTO chain SELECT * FROM newer.chain; INSERT INTO segment SELECT * FROM newer.segment; "
            "INSERT INTO pending VALUES (1, 1, 'stage', 0, 5, 9); INSERT INTO verifier VALUES ('fleet', 1, 40); "
            "INSERT INTO source VALUES (1, 1, 'x', x'00', 0, 1, 1); INSERT INTO violation VALUES (1, 0, x'00')");
  }
  void expect_rows_of_version_1(Store& store, std::size_t count) {
    Archive archive(store);
    ASSERT_EQ(must(archive.chain(1)).end, count);
    EXPECT_EQ(must(archive.pending())->records, 5u);
    EXPECT_EQ(must(store.sources()).at(0).name, "x");
    EXPECT_EQ(must(archive.acknowledged(1)), 40u);
    EXPECT_EQ(must(store.violations(1)).size(), 1u);
    EXPECT_TRUE(equal(exported(archive, 1, log_.bank), ByteView(log_.list).first(list_bytes(count))));
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
  EXPECT_EQ(version_of(file), 2);
  EXPECT_EQ(as_text(ByteView(file).subspan(68, 4)), "imkp");
}

TEST_F(ArchiveFileTest, OfANewerVersionIsRefused) {
  fill(1);
  execute("PRAGMA user_version=3");
  for (const OpenMode mode : {OpenMode::kRead, OpenMode::kWrite, OpenMode::kCreate}) {
    const Error error = refused(mode);
    EXPECT_EQ(error.code, ErrorCode::kUnsupported);
    EXPECT_THAT(error.message, HasSubstr("version 3"));
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
    const Chain chain = must(archive.chain(1));
    EXPECT_TRUE(must(archive.anchors(chain)).empty());
    EXPECT_FALSE(must(archive.replay_start(chain)).pcrs);
    EXPECT_FALSE(must(archive.list(1)));
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
    EXPECT_FALSE(must(store->list(1)));
    Archive archive(*store);
    must(archive.append(1, 2000, std::span(log_.records).subspan(2000, 500), log_.bank, 0));
  }
  put_keepers_rows();
  EXPECT_EQ(version_of(must(read_file(path_))), 2);
  auto store = open(OpenMode::kRead);
  expect_rows_of_version_1(*store, 2500);
  EXPECT_EQ(must(store->anchors(1)).size(), 1u);
  EXPECT_EQ(must(store->list(1))->head, 3u);
  EXPECT_EQ(must(store->incidents()).size(), 1u);
}

TEST_F(ArchiveFileTest, OfVersion1IsUpgradedUnderAReader) {
  fill_version_1(2000);
  auto reader = open(OpenMode::kRead);
  EXPECT_TRUE(must(reader->anchors(1)).empty());
  put_keepers_rows();
  EXPECT_EQ(must(reader->anchors(1)).size(), 1u);
  EXPECT_EQ(must(reader->list(1))->head, 3u);
  EXPECT_EQ(must(reader->incidents()).size(), 1u);
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

// What is written to a file that has lost its name is gone with the process that has it open.
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
    EXPECT_EQ(archive.set_pending({.chain = 1, .method = "count"}).error().code, ErrorCode::kEnvironment);
    store.reset();
    for (const char* suffix : {"", "-wal", "-shm"}) std::filesystem::remove(path_ + suffix);
  }
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
  EXPECT_THAT(refused(OpenMode::kCreate).message, HasSubstr("no regular file"));
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
  must(writer->set_pending(PendingRow{.chain = 1, .method = "count", .first = 0, .records = 1}));
  EXPECT_FALSE(must(reader->pending())) << "not committed yet";
  EXPECT_EQ(exported(reading, 1, log_.bank).size(), exported(writing, 1, log_.bank).size());
  must(transaction.commit());
  EXPECT_TRUE(must(reader->pending()));
  must(writing.append(1, 1500, std::span(log_.records).subspan(1500, 100), log_.bank, 0));
  EXPECT_EQ(must(reading.chain(1)).end, 1600u);
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
      must(archive.append(1, at, std::span(log_.records).subspan(at, 20), log_.bank, 0));
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
    const Bytes list = exported(archive, 1, log_.bank);
    EXPECT_TRUE(equal(list, ByteView(log_.list).first(list.size())));
  }
  writing.join();
  EXPECT_GT(checks, 3);
}

// What is left after some of the file was overwritten: every record is served as it was, or named as damaged.
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
  const auto chain = archive.chain(1);
  if (!chain || findings->empty()) {
    found_damage = !findings->empty();
    EXPECT_TRUE(found_damage || equal(exported(archive, 1, log.bank), log.list));
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
  const auto segments = store->segments(1).segments;
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
      {"UPDATE anchor SET number = -1", "do not lead"},
      {"UPDATE anchor SET broken_at = -1", "out of range"},
      {"UPDATE anchor SET pcrs = x'ff'", "anchor at record"},
      {"UPDATE anchor SET before_pcrs = x''", "anchor at record"},
      {"UPDATE list SET head = -1", "out of range"},
      {"UPDATE list SET proven = 1 << 60", "out of range"},
      {"UPDATE list SET trims_by_others = -1", "out of range"},
      {"UPDATE incident SET records = -1", "out of range"},
      {"UPDATE incident SET first = -1", "out of range"},
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
      EXPECT_TRUE(equal(exported(archive, 1, log_.bank), ByteView(log_.list).first(list_bytes(10))));
    }
    write(as_text(whole));
  }
  EXPECT_TRUE(must(Archive(*open(OpenMode::kRead)).check()).empty());
}

TEST_F(ArchiveFileTest, TakesRecordsInWhereTheAnchorsCannotBeRead) {
  fill(10);
  put_keepers_rows();
  execute("DROP TABLE anchor");
  auto store = open();
  Archive archive(*store);
  for (std::size_t at = 10; at < 100; ++at) {
    must(archive.append(1, at, std::span(log_.records).subspan(at, 1), log_.bank, 0));
  }
  EXPECT_EQ(must(archive.stats(1)).segments, 91u) << "nothing is gathered, for an anchor may lie anywhere";
  EXPECT_TRUE(equal(exported(archive, 1, log_.bank), ByteView(log_.list).first(list_bytes(100))));
}

}  // namespace
}  // namespace imakeep::archive::test
