// SPDX-License-Identifier: Apache-2.0
// archive_bits_test.cc - flips single bits of an archive, in the values of its rows and in the bytes of its file. Every
// answer is then what it was, or an error; no answer is another one. The environment's IMAKEEP_ARCHIVE_FLIPS is the
// number of flips that each test tries, IMAKEEP_ARCHIVE_SEED the seed that chooses them; 0 flips: every bit.
#include <sqlite3.h>

#include <cstdlib>
#include <fstream>
#include <random>

#include <gtest/gtest.h>

#include "archive/archive.h"
#include "archive/pcr_bytes.h"
#include "archive/sqlite/sqlite_store.h"
#include "archive/test_support.h"
#include "support/scratch_directory.h"

namespace imakeep::archive::test {
namespace archive_bits_test {

using imatest::must;

// ---- all that an archive answers ------------------------------------------------------------------------------------

// An answer as text. kUsage ("no such chain") is an answer too; other errors say that none can be given.
struct Answer {
  std::string question;
  std::string text;
  bool refused = false;
};

class Questions {
 public:
  template <class Value, class Text>
  void ask(const std::string& question, const Result<Value>& answer, Text text) {
    if (answer) {
      answers_.push_back({.question = question, .text = text(*answer)});
    } else if (answer.error().code == ErrorCode::kUsage) {
      answers_.push_back({.question = question, .text = "no such"});
    } else {
      answers_.push_back({.question = question, .text = describe(answer.error()), .refused = true});
    }
  }
  std::vector<Answer> take() { return std::move(answers_); }

 private:
  std::vector<Answer> answers_;
};

template <class... Parts>
std::string joined(const Parts&... parts) {
  std::string text;
  const auto add = [&text](const auto& part) {
    using Part = std::decay_t<decltype(part)>;
    if constexpr (std::is_same_v<Part, Bytes>) {
      text += to_hex(part);
    } else if constexpr (std::is_same_v<Part, ChainId>) {
      text += std::to_string(part.value());
    } else if constexpr (std::is_arithmetic_v<Part>) {
      text += std::to_string(part);
    } else {
      text += part;
    }
    text += '|';
  };
  (add(parts), ...);
  return text;
}

std::string text_of(const Chain& chain) {
  return joined(chain.chain, digest::bank_names(chain.banks), static_cast<int>(chain.order),
                static_cast<int>(chain.start), chain.first_kept, chain.end, pcr_bytes(chain.end_pcrs));
}

std::string text_of(const Anchor& anchor) {
  return joined(anchor.number, anchor.broken_at, anchor.why, anchor.since_unix_s, pcr_bytes(anchor.pcrs));
}

std::string text_of(const AnchorRow& row) {
  return joined(row.chain, row.number, row.broken_at, row.why, row.since_unix_s, row.pcrs, row.before_pcrs);
}

std::string text_of(const ListRow& row) {
  return joined(row.chain, row.head, row.holes, row.proven, row.proven_unix_s, row.trimmed, row.trims,
                row.trimmed_unix_s, row.trimmed_by_others, row.trims_by_others, row.boot_id);
}

std::string text_of(const PendingRow& row) {
  return joined(row.chain, row.method, row.first, row.records, row.since_unix_s);
}

std::string text_of(const SourceRow& row) {
  return joined(row.source, row.chain, row.name, row.sha256, row.first, row.records, row.done);
}

std::string text_of(const VerifierRow& row) {
  return joined(row.name, row.chain, row.acknowledged, row.acknowledged_unix_s);
}

std::string text_of(const ViolationRow& row) {
  return joined(row.chain, row.number, row.record);
}

std::string text_of(const IncidentRow& row) {
  return joined(row.incident, row.chain, row.first, row.records ? std::to_string(*row.records) : "?", row.kind,
                row.what, row.since_unix_s);
}

std::string text_of(const QuoteRow& row) {
  return joined(row.chain, row.quote, row.records, row.added_unix_s, row.statement, row.signature, row.ak_public,
                row.pcrs, row.boot_id);
}

std::string text_of(const Stats& stats) {
  return joined(stats.segments, stats.violations, stats.payload_bytes);
}

template <class Row>
std::string text_of_list(const std::vector<Row>& rows) {
  std::string all;
  for (const Row& row : rows) all += text_of(row) + "\n";
  return all;
}

template <class Row>
std::string text_of_optional(const std::optional<Row>& row) {
  return row ? text_of(*row) : "none";
}

// Every record with its number; kMalformed if one is damaged.
Result<std::string> records_of(Store& store, const Chain& chain) {
  ArchiveReader reader(store, chain, chain.first_kept, chain.end);
  std::string text;
  for (;;) {
    const auto step = reader.next();
    if (!step) return unexpected(step.error());
    if (step->damage) return fail(ErrorCode::kMalformed, step->damage->what);
    if (step->done()) return text;
    Bytes record;
    append_record(record, step->record->record);
    text += joined(step->record->number, record);
  }
}

std::string itself(const std::string& text) {
  return text;
}

void ask_of_chain(Questions& questions, Archive& archive, ChainId number) {
  const std::string of = " of chain " + std::to_string(number.value());
  Store& store = archive.store();
  const auto chain = archive.chain(number);
  questions.ask("row" + of, chain, [](const Chain& it) { return text_of(it); });
  questions.ask("list" + of, store.list(number), text_of_optional<ListRow>);
  questions.ask("violations" + of, store.violations(number), text_of_list<ViolationRow>);
  questions.ask("anchor rows" + of, store.anchors(number), text_of_list<AnchorRow>);
  questions.ask("quotes" + of, store.quotes(number), text_of_list<QuoteRow>);
  questions.ask("acknowledged" + of, archive.acknowledged(number),
                [](const std::optional<std::uint64_t>& it) { return it ? std::to_string(*it) : "none"; });
  questions.ask("stats" + of, archive.stats(number), [](const Stats& it) { return text_of(it); });
  if (!chain) return;
  questions.ask("records" + of, records_of(store, *chain), itself);
  questions.ask("anchors" + of, archive.anchors(*chain), text_of_list<Anchor>);
  questions.ask("state" + of, archive.state_at(*chain, (chain->first_kept + chain->end) / 2),
                [](const digest::PcrState& it) { return to_hex(pcr_bytes(it)); });
  questions.ask("replay start" + of, archive.replay_start(*chain), [](const ReplayStart& it) {
    return joined(it.number, it.pcrs ? to_hex(pcr_bytes(*it.pcrs)) : "zeros");
  });
}

std::vector<Answer> all_answers(const std::string& path) {
  Questions questions;
  const auto store = SqliteStore::open(path, OpenMode::kRead);
  questions.ask("open", store, [](const auto&) { return std::string("opened"); });
  if (!store) return questions.take();
  Archive archive(**store);
  questions.ask("chains", archive.chains(), text_of_list<Chain>);
  questions.ask("last chain", archive.chain_or_last(std::nullopt), text_of_optional<Chain>);
  questions.ask("pending", archive.pending(), text_of_optional<PendingRow>);
  questions.ask("sources", (*store)->sources(), text_of_list<SourceRow>);
  questions.ask("verifiers", (*store)->verifiers(), text_of_list<VerifierRow>);
  questions.ask("incidents", archive.incidents(), text_of_list<IncidentRow>);
  for (const std::uint64_t chain : {1u, 2u, 3u}) ask_of_chain(questions, archive, ChainId(chain));
  return questions.take();
}

// Whether check() finds something, or the archive cannot even be opened or checked.
bool named_by_check(const std::string& path) {
  const auto store = SqliteStore::open(path, OpenMode::kRead);
  if (!store) return true;
  const auto findings = Archive(**store).check();
  return !findings || !findings->empty();
}

// ---- the archive ----------------------------------------------------------------------------------------------------

std::uint64_t from_environment(const char* name, std::uint64_t otherwise) {
  const char* const text = std::getenv(name);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

class ArchiveBitsTest : public testing::Test {
 protected:
  ArchiveBitsTest() {
    make();
    whole_ = must(read_file(path_));
    answers_ = all_answers(path_);
    for (const Answer& answer : answers_) EXPECT_FALSE(answer.refused) << answer.question << ": " << answer.text;
    EXPECT_FALSE(named_by_check(path_));
  }

  void put_back() {
    for (const char* suffix : {"-wal", "-shm", "-journal"}) std::filesystem::remove(path_ + suffix);
    write(whole_);
  }
  void write(ByteView content) { std::ofstream(path_, std::ios::binary) << as_text(content); }

  // Every answer is what it was, or refused; and then check() names damage. Returns whether any was refused.
  bool expect_same_or_refused() {
    const auto now = all_answers(path_);
    bool refused = false;
    for (const Answer& answer : now) {
      refused = refused || answer.refused;
      if (answer.refused) continue;
      const auto was = std::ranges::find(answers_, answer.question, &Answer::question);
      EXPECT_EQ(answer.text, was->text) << answer.question;
    }
    EXPECT_TRUE(!refused || named_by_check(path_)) << "something is refused and check() finds nothing";
    return refused;
  }

  sqlite3* database() {
    sqlite3* opened = nullptr;
    EXPECT_EQ(sqlite3_open(path_.c_str(), &opened), SQLITE_OK);
    return opened;
  }

  // Small pages, so that flips meet the structure of the file as often as its content.
  void make() {
    {
      auto store = must(SqliteStore::open(path_, OpenMode::kCreate));
      Archive archive(*store);
      fill(*store, archive);
    }
    execute("PRAGMA journal_mode=DELETE; PRAGMA page_size=512; VACUUM; PRAGMA journal_mode=WAL");
  }
  void execute(const std::string& sql) {
    sqlite3* const opened = database();
    EXPECT_EQ(sqlite3_exec(opened, sql.c_str(), nullptr, nullptr, nullptr), SQLITE_OK) << sqlite3_errmsg(opened);
    sqlite3_close(opened);
  }

  // Rows of every table; two chains, the first with retired records and two anchors.
  void fill(Store& store, Archive& archive) {
    const Incoming log = made("/bits/", 60);
    must(archive.begin_chain(imatest::banks("sha1,sha256"), ChainStart::kBoot));
    for (std::size_t at = 0; at < 40; at += 8) {
      const std::vector<IncidentRow> incidents{
          {.chain = ChainId(1), .first = at, .records = at, .kind = "gap", .what = "G."}};
      const SourceRow source{
          .source = at + 1, .chain = ChainId(1), .name = "list", .sha256 = Bytes(32), .records = 8, .done = at + 8};
      const AnchorRow anchor{.chain = ChainId(1),
                             .number = at + 8,
                             .broken_at = at + 2,
                             .why = "gap",
                             .since_unix_s = 9,
                             .pcrs = pcr_bytes(digest::PcrState(imatest::banks("sha1,sha256")))};
      must(archive.append(
          ChainId(1), at, std::span(log.records).subspan(at, 8), log.bank, static_cast<std::int64_t>(at),
          {.source = &source, .anchor = at == 16 || at == 24 ? &anchor : nullptr, .incidents = incidents}));
    }
    must(archive.retire(ChainId(1), {.before = 20, .unacknowledged = true}));
    must(archive.begin_chain(imatest::banks("sha1"), ChainStart::kUnknown, ByteOrder::kBig));
    const ListRow list{.chain = ChainId(2), .head = 3, .holes = "5-7", .proven = 9, .proven_unix_s = 5, .boot_id = "b"};
    const PendingRow pending{.chain = ChainId(2), .method = "stage", .first = 3, .records = 2, .since_unix_s = 7};
    const std::vector<IncidentRow> incidents{{.chain = ChainId(2), .kind = "altered", .what = "A."}};
    must(archive.append(ChainId(2), 0, std::span(log.records).subspan(40, 20), log.bank, 0,
                        {.list = &list, .pending = &pending, .incidents = incidents}));
    const AcceptedQuote quote{.statement = Bytes(40),
                              .signature = Bytes(30),
                              .ak_public = Bytes(20),
                              .pcrs = {{.bank = imatest::bank("sha1"), .pcr = 3, .value = digest::Digest(20)}}};
    must(archive.acknowledge("fleet", ChainId(1), 30, 6, quote));
    must(archive.acknowledge("fleet", ChainId(2), 4, 7));
    must(archive.acknowledge("other", ChainId(1), 35, 8));
    EXPECT_EQ(must(store.violations(ChainId(1))).size(), 2u);
  }

  imakeep::test::ScratchDirectory directory_{imakeep::test::ScratchDirectory::in_memory()};
  const std::string path_ = directory_.file("archive");
  Bytes whole_;
  std::vector<Answer> answers_;
};

// Those below `always`, and as many others below `end` as IMAKEEP_ARCHIVE_FLIPS says, or all of them.
std::vector<std::size_t> chosen(std::size_t end, std::size_t always = 0) {
  std::vector<std::size_t> numbers(end);
  for (std::size_t i = 0; i < end; ++i) numbers[i] = i;
  const std::size_t most = from_environment("IMAKEEP_ARCHIVE_FLIPS", 1500);
  if (most == 0 || most >= end) return numbers;
  std::mt19937_64 random(from_environment("IMAKEEP_ARCHIVE_SEED", 1));
  std::ranges::shuffle(numbers.begin() + static_cast<std::ptrdiff_t>(always), numbers.end(), random);
  numbers.resize(std::min(end, most + always));
  return numbers;
}

// ---- the bytes of the file ------------------------------------------------------------------------------------------

TEST_F(ArchiveBitsTest, AFlippedBitOfTheFileChangesNoAnswer) {
  std::size_t refused = 0;
  constexpr std::size_t kHeaderBits = 100 * 8;  // https://sqlite.org/fileformat2.html, section 1.3
  const auto bits = chosen(whole_.size() * 8, kHeaderBits);
  for (const std::size_t bit : bits) {
    SCOPED_TRACE("byte " + std::to_string(bit / 8) + ", bit " + std::to_string(bit % 8));
    Bytes flipped = whole_;
    flipped[bit / 8] ^= std::byte{1} << bit % 8;
    put_back();
    write(flipped);
    refused += expect_same_or_refused() ? 1u : 0u;
    if (HasFailure()) return;
  }
  EXPECT_GT(refused, bits.size() / 10) << "much of the file matters";
}

// ---- the values of the rows -----------------------------------------------------------------------------------------

// One value of one row, and its number of bits.
struct Value {
  std::string table;
  std::string column;
  std::string where;
  bool integer = false;
  std::size_t bits = 0;
};

std::vector<std::vector<std::string>> query(sqlite3* database, const std::string& sql) {
  std::vector<std::vector<std::string>> rows;
  sqlite3_stmt* statement = nullptr;
  EXPECT_EQ(sqlite3_prepare_v2(database, sql.c_str(), -1, &statement, nullptr), SQLITE_OK) << sqlite3_errmsg(database);
  while (sqlite3_step(statement) == SQLITE_ROW) {
    auto& row = rows.emplace_back();
    for (int i = 0; i < sqlite3_column_count(statement); ++i) {
      const auto* const text = reinterpret_cast<const char*>(sqlite3_column_text(statement, i));
      row.emplace_back(text == nullptr ? "" : text);
    }
  }
  sqlite3_finalize(statement);
  return rows;
}

std::vector<std::string> tables_of(sqlite3* database) {
  std::vector<std::string> names;
  for (const auto& row : query(database, "SELECT name FROM sqlite_master WHERE type = 'table'"))
    names.push_back(row[0]);
  return names;
}

// SQL conditions, each of which is true of one row.
std::vector<std::string> rows_of(sqlite3* database, const std::string& table) {
  std::vector<std::string> conditions;
  if (table == "seal") {
    for (const auto& row : query(database, "SELECT name, chain FROM seal")) {
      conditions.push_back("name = '" + row[0] + "' AND chain = " + row[1]);
    }
  } else {
    for (const auto& row : query(database, "SELECT rowid FROM " + table)) conditions.push_back("rowid = " + row[0]);
  }
  return conditions;
}

std::vector<Value> values_of(sqlite3* database) {
  std::vector<Value> values;
  for (const std::string& table : tables_of(database)) {
    for (const std::string& where : rows_of(database, table)) {
      for (const auto& column : query(database, "SELECT name FROM pragma_table_info('" + table + "')")) {
        const std::string quoted = '"' + column[0] + '"';
        const auto found = query(database, "SELECT typeof(" + quoted + "), length(cast(" + quoted + " AS BLOB)) FROM " +
                                               table + " WHERE " + where);
        const bool integer = found.at(0)[0] == "integer";
        if (found[0][0] == "null") continue;
        values.push_back({.table = table,
                          .column = quoted,
                          .where = where,
                          .integer = integer,
                          .bits = integer ? 64 : 8 * std::stoul(found[0][1])});
      }
    }
  }
  return values;
}

// False if the table cannot hold the value.
bool flip(sqlite3* database, const Value& value, std::size_t bit) {
  sqlite3_stmt* read = nullptr;
  sqlite3_stmt* update = nullptr;
  const std::string from = value.table + " WHERE " + value.where;
  EXPECT_EQ(sqlite3_prepare_v2(database, ("SELECT " + value.column + " FROM " + from).c_str(), -1, &read, nullptr),
            SQLITE_OK);
  EXPECT_EQ(sqlite3_prepare_v2(database,
                               ("UPDATE " + value.table + " SET " + value.column + " = ? WHERE " + value.where).c_str(),
                               -1, &update, nullptr),
            SQLITE_OK);
  EXPECT_EQ(sqlite3_step(read), SQLITE_ROW);
  if (value.integer) {
    const auto was = static_cast<std::uint64_t>(sqlite3_column_int64(read, 0));
    sqlite3_bind_int64(update, 1, static_cast<std::int64_t>(was ^ std::uint64_t{1} << bit));
  } else {
    const auto* const at = static_cast<const std::byte*>(sqlite3_column_blob(read, 0));
    Bytes bytes(at, at + value.bits / 8);
    bytes[bit / 8] ^= std::byte{1} << bit % 8;
    const int size = static_cast<int>(bytes.size());
    if (sqlite3_column_type(read, 0) == SQLITE_TEXT) {
      sqlite3_bind_text(update, 1, reinterpret_cast<const char*>(bytes.data()), size, SQLITE_TRANSIENT);
    } else {
      sqlite3_bind_blob(update, 1, bytes.data(), size, SQLITE_TRANSIENT);
    }
  }
  sqlite3_finalize(read);
  const bool updated = sqlite3_step(update) == SQLITE_DONE && sqlite3_changes(database) == 1;
  sqlite3_finalize(update);
  return updated;
}

TEST_F(ArchiveBitsTest, AFlippedBitOfAValueChangesNoAnswer) {
  sqlite3* reader = database();
  const auto values = values_of(reader);
  sqlite3_close(reader);
  std::vector<std::pair<std::size_t, std::size_t>> bits;  // a value, and one of its bits
  for (std::size_t i = 0; i < values.size(); ++i) {
    for (std::size_t bit = 0; bit < values[i].bits; ++bit) bits.emplace_back(i, bit);
  }
  for (const std::size_t at : chosen(bits.size())) {
    const Value& value = values[bits[at].first];
    SCOPED_TRACE(value.table + "." + value.column + " where " + value.where + ", bit " +
                 std::to_string(bits[at].second));
    put_back();
    sqlite3* const writer = database();
    const bool flipped = flip(writer, value, bits[at].second);
    sqlite3_close(writer);
    if (flipped) expect_same_or_refused();
    if (HasFailure()) return;
  }
}

TEST_F(ArchiveBitsTest, AFlippedBitOfEveryColumnOfEveryTableIsNamedByCheck) {
  sqlite3* reader = database();
  const auto values = values_of(reader);
  sqlite3_close(reader);
  std::vector<std::string> seen;
  for (const Value& value : values) {
    const std::string name = value.table + "." + value.column;
    // The data of a segment have bits that mean nothing to zstd, and "one" takes no other value.
    if (std::ranges::find(seen, name) != seen.end() || value.bits == 0 || name == "segment.\"data\"") continue;
    SCOPED_TRACE(name);
    put_back();
    sqlite3* const writer = database();
    const bool flipped = flip(writer, value, 0);
    sqlite3_close(writer);
    if (!flipped) continue;
    seen.push_back(name);
    EXPECT_TRUE(named_by_check(path_));
  }
  EXPECT_GT(seen.size(), 65u);
}

TEST_F(ArchiveBitsTest, ARowThatIsGoneChangesNoAnswerAndIsNamedByCheck) {
  sqlite3* reader = database();
  const auto tables = tables_of(reader);
  std::vector<std::pair<std::string, std::string>> rows;
  for (const std::string& table : tables) {
    for (const std::string& where : rows_of(reader, table)) rows.emplace_back(table, where);
  }
  sqlite3_close(reader);
  for (const auto& [table, where] : rows) {
    SCOPED_TRACE(table + " where " + where);
    put_back();
    execute("DELETE FROM " + table + " WHERE " + where);
    EXPECT_TRUE(expect_same_or_refused());
    if (HasFailure()) return;
  }
  EXPECT_GT(rows.size(), 30u);
}

}  // namespace archive_bits_test
}  // namespace imakeep::archive::test
