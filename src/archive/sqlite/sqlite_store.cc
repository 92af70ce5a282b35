// SPDX-License-Identifier: Apache-2.0
#include "archive/sqlite/sqlite_store.h"

#include <sqlite3.h>

#include <algorithm>
#include <filesystem>
#include <functional>

#include "archive/sqlite/checksums.h"
#include "archive/sqlite/columns.h"
#include "archive/sqlite/connection.h"
#include "archive/sqlite/schema.h"

namespace imakeep::archive {
namespace {

using SQLite::Database;
using SQLite::Statement;

constexpr const char* kReading = "cannot read";
constexpr const char* kWriting = "cannot write";

// The first schema version with the keeper's tables: anchor, list and incident.
constexpr int kVersionOfKeeper = 2;
// The first schema version with the table origin.
constexpr int kVersionOfOrigin = 3;

// ---- columns --------------------------------------------------------------------------------------------------------

// Reads a record number or a count. The limit is far below 2^63, so that the sum of two does not overflow.
void read_value(const Statement& row, int column, std::uint64_t& value) {
  constexpr std::int64_t kMost = std::int64_t{1} << 56;
  const std::int64_t found = row.getColumn(column).getInt64();
  if (found < 0 || found > kMost) throw_damaged("a row holds a number out of range");
  value = static_cast<std::uint64_t>(found);
}

void read_value(const Statement& row, int column, ChainId& value) {
  std::uint64_t number = 0;
  read_value(row, column, number);
  value = ChainId(number);
}

void read_value(const Statement& row, int column, std::int64_t& value) {
  value = row.getColumn(column).getInt64();
}

void read_value(const Statement& row, int column, std::string& value) {
  value = row.getColumn(column).getString();
}

void read_value(const Statement& row, int column, Bytes& value) {
  const SQLite::Column found = row.getColumn(column);
  const auto* const from = static_cast<const std::byte*>(found.getBlob());
  const auto size = static_cast<std::size_t>(found.getBytes());
  value = from == nullptr ? Bytes() : Bytes(from, from + size);
}

void read_value(const Statement& row, int column, std::optional<std::uint64_t>& value) {
  value.reset();
  if (!row.isColumnNull(column)) read_value(row, column, value.emplace());
}

void bind_value(Statement& statement, int at, std::uint64_t value) {
  statement.bind(at, static_cast<std::int64_t>(value));
}

void bind_value(Statement& statement, int at, ChainId value) {
  bind_value(statement, at, value.value());
}

void bind_value(Statement& statement, int at, std::int64_t value) {
  statement.bind(at, value);
}

void bind_value(Statement& statement, int at, const std::string& value) {
  statement.bindNoCopy(at, value);
}

void bind_value(Statement& statement, int at, ByteView value) {
  // SQLite stores NULL for a null pointer, not an empty value.
  statement.bindNoCopy(at, value.empty() ? static_cast<const void*>("") : value.data(), static_cast<int>(value.size()));
}

void bind_value(Statement& statement, int at, const std::optional<std::uint64_t>& value) {
  if (value) return bind_value(statement, at, *value);
  statement.bind(at);  // NULL
}

template <class... Values>
Statement prepared(const Database& database, const std::string& sql, const Values&... values) {
  Statement statement(database, sql);
  int at = 0;
  (bind_value(statement, ++at, values), ...);
  return statement;
}

// ---- rows -----------------------------------------------------------------------------------------------------------

// The columns that the table has in a file of that version.
template <class Row>
std::vector<std::string> column_names(int version = kSchemaVersion) {
  std::vector<std::string> names;
  Row row;
  Table<Row>::columns(row, [&](const char* name, const auto&, int since = 1) {
    if (since <= version) names.push_back(std::string("\"") + name + '"');
  });
  return names;
}

template <class Row>
std::int64_t checksum_of(const Row& row) {
  RowChecksum checksum(Table<Row>::kName);
  Table<Row>::columns(row, [&checksum](const char* name, const auto& value, int = 1) {
    if constexpr (std::is_same_v<std::decay_t<decltype(value)>, Bytes>) {
      checksum.add(name, ByteView(value));
    } else {
      checksum.add(name, value);
    }
  });
  return checksum.value();
}

// Names the current row of a statement: "table anchor, chain 1, number 30".
template <class Row>
std::string name_of(const Statement& row) {
  std::string name = std::string("table ") + Table<Row>::kName;
  for (int i = 0; i < Table<Row>::kKeys; ++i) {
    name += std::string(", ") + row.getColumn(i).getName() + " " + row.getColumn(i).getString();
  }
  return name;
}

// While it lives, its connection does not see what other connections commit.
class Snapshot {
 public:
  // SQLite ends a statement's read transaction when the statement is finished. This one never is.
  explicit Snapshot(const Database& database) : statement_(database, "SELECT count(*) FROM sqlite_master") {
    statement_.executeStep();
  }

 private:
  Statement statement_;
};

// Reads rows of one table. If the file has checksums, compares each row with its checksum. While a Rows lives, its
// connection does not see a writer's new commits, so that rows and seal are of the same moment.
template <class Row>
class Rows {
 public:
  // `rest` is the SQL after the table's name. `values` are bound to its parameters.
  template <class... Values>
  Rows(Database& database, const std::string& rest, const Values&... values)
      : snapshot_(database),
        version_(version_of(database)),
        count_(static_cast<int>(column_names<Row>(version_).size())),
        statement_(prepared(database, select(version_) + rest, values...)) {}

  // Whether the file has checksums.
  bool checked() const { return version_ >= kVersionOfChecksums; }

  // False after the last.
  bool step() { return statement_.executeStep(); }
  // The current row. Throws SQLITE_CORRUPT, naming the row, if it is damaged; the next step() continues after it.
  const Row& take() {
    if (checked()) {
      const std::int64_t checksum = statement_.getColumn(count_).getInt64();
      seal_.add(checksum);
      if (checksum != archive::checksum_of(Table<Row>::kName, statement_, 0, count_)) {
        throw_damaged("the row of " + name_of<Row>(statement_) + " does not match its checksum");
      }
    }
    int column = 0;
    Table<Row>::columns(row_, [&](const char*, auto& value, int since = 1) {
      if (since <= version_) read_value(statement_, column++, value);
    });
    if constexpr (std::is_same_v<Row, SegmentRow>)
      read_value(statement_, count_ + (checked() ? 1 : 0), row_.stored_bytes);
    return row_;
  }

  // REQUIRES: all rows were read. Throws SQLITE_CORRUPT if they do not match the seal of `chain`.
  void check_seal(Database& database, ChainId chain) const {
    if (!checked() || seal_ == seal_of(database, Table<Row>::kName, chain)) return;
    throw_damaged(std::string("table ") + Table<Row>::kName +
                  (chain == kWholeTable ? "" : ", chain " + std::to_string(chain.value())) +
                  ": rows are missing or duplicated");
  }

 private:
  static std::string select(int version) {
    std::string sql = "SELECT ";
    for (const std::string& name : column_names<Row>(version)) sql += (sql.ends_with(' ') ? "" : ", ") + name;
    if (version >= kVersionOfChecksums) sql += ", checksum";
    if (std::is_same_v<Row, SegmentRow>) sql += ", length(data)";
    return sql + " FROM " + Table<Row>::kName + ' ';
  }

  const Snapshot snapshot_;
  const int version_;
  const int count_;
  Statement statement_;
  Row row_;
  Seal seal_;
};

template <class Row>
std::vector<Row> all_of(Rows<Row>& rows) {
  std::vector<Row> all;
  while (rows.step()) all.push_back(rows.take());
  return all;
}

// Every row of the table.
template <class Row>
std::vector<Row> table(Database& database, const std::string& order) {
  Rows<Row> rows(database, order);
  auto all = all_of(rows);
  rows.check_seal(database, kWholeTable);
  return all;
}

// Every row of the chain in the table.
template <class Row>
std::vector<Row> of_chain(Database& database, ChainId chain, const std::string& order) {
  Rows<Row> rows(database, "WHERE chain = ? " + order, chain);
  auto all = all_of(rows);
  rows.check_seal(database, chain);
  return all;
}

// Whether the file has the tables of that schema version. A reader may open a file that no writer has upgraded yet, and
// a writer may upgrade the file while a reader has it open.
bool is_of_version(Database& database, int version) {
  const Snapshot snapshot(database);
  return version_of(database) >= version;
}

// Every change has to happen between begin() and commit(), so that no change is written in part.
void require_transaction(const Database& database) {
  if (sqlite3_get_autocommit(database.getHandle()) != 0) {
    throw SQLite::Exception("the archive can be changed only within a transaction", SQLITE_MISUSE);
  }
}

template <class... Values>
void change(const Database& database, const std::string& sql, const Values&... values) {
  require_transaction(database);
  prepared(database, sql, values...).exec();
}

// The stored checksum of the row that has the same key.
template <class Row>
std::optional<std::int64_t> stored_checksum(const Database& database, const Row& row) {
  std::string sql = std::string("SELECT checksum FROM ") + Table<Row>::kName + " WHERE ";
  const auto names = column_names<Row>();
  for (int i = 0; i < Table<Row>::kKeys; ++i)
    sql += (i == 0 ? "" : " AND ") + names[static_cast<std::size_t>(i)] + " = ?";
  Statement statement(database, sql);
  int at = 0;
  Table<Row>::columns(row, [&](const char*, const auto& value, int = 1) {
    if (at < Table<Row>::kKeys) bind_value(statement, ++at, value);
  });
  if (!statement.executeStep()) return std::nullopt;
  return statement.getColumn(0).getInt64();
}

// Writes the row with its checksum. `how` is "INSERT", or "INSERT OR REPLACE" to replace a row that has the same key.
// `more` is the value of the column `data`, if the table has it.
template <class Row, class... More>
void insert(const Database& database, const char* how, const Row& row, std::int64_t checksum, const More&... more) {
  require_transaction(database);
  std::string columns;
  std::string marks;
  for (const std::string& name : column_names<Row>()) {
    columns += name + ", ";
    marks += "?, ";
  }
  Statement statement(database, std::string(how) + " INTO " + Table<Row>::kName + " (" + columns + "checksum" +
                                    (sizeof...(more) > 0 ? ", data" : "") + ") VALUES (" + marks + "?" +
                                    (sizeof...(more) > 0 ? ", ?" : "") + ")");
  int at = 0;
  Table<Row>::columns(row, [&](const char*, const auto& value, int = 1) { bind_value(statement, ++at, value); });
  bind_value(statement, ++at, checksum);
  (bind_value(statement, ++at, more), ...);
  statement.exec();
}

// Inserts the row or replaces the one that has the same key, and updates the seal.
template <class Row>
void put(Database& database, const Row& row) {
  const auto before = stored_checksum(database, row);
  const std::int64_t checksum = checksum_of(row);
  insert(database, "INSERT OR REPLACE", row, checksum);
  change_seal(database, Table<Row>::kName, Table<Row>::seal_of(row), before, checksum);
}

}  // namespace

Result<void> SqliteStore::begin() {
  auto begun = connection_->run(kWriting, [](Database& database) {
    database.exec("BEGIN IMMEDIATE");
    int moved = 0;
    sqlite3_file_control(database.getHandle(), "main", SQLITE_FCNTL_HAS_MOVED, &moved);
    return moved != 0;
  });
  if (!begun) return unexpected(begun.error());
  if (!*begun) return {};
  // A file without a name is lost when the process ends, and all commits to it with it.
  rollback();
  return fail(ErrorCode::kEnvironment, connection_->path +
                                           " was removed, moved or replaced while it was in use; nothing more is "
                                           "written to it: put it back, then start again");
}

Result<void> SqliteStore::begin_reading() {
  return connection_->run(kReading, [](Database& database) {
    database.exec("BEGIN");
    // The first read fixes the state that all reads of the transaction see.
    database.execAndGet("SELECT count(*) FROM sqlite_master");
  });
}

Result<void> SqliteStore::commit() {
  return connection_->run(kWriting, [](Database& database) { database.exec("COMMIT"); });
}

void SqliteStore::rollback() noexcept {
  // After some errors SQLite has already rolled back by itself. Then this statement fails, which does not matter.
  connection_->database->tryExec("ROLLBACK");
}

ChainListing SqliteStore::chain_listing() {
  ChainListing listing;
  const auto read = connection_->run(kReading, [&](Database& database) {
    Rows<ChainRow> rows(database, "ORDER BY chain");
    while (rows.step()) {
      // Skip a damaged row.
      const auto taken = connection_->run(kReading, [&](Database&) { listing.chains.push_back(rows.take()); });
      if (!taken) listing.damage.push_back(taken.error());
    }
    if (listing.damage.empty()) rows.check_seal(database, kWholeTable);
  });
  if (!read) listing.damage.push_back(read.error());
  return listing;
}

Result<void> SqliteStore::put_chain(const ChainRow& row) {
  return connection_->run(kWriting, [&](Database& database) { put(database, row); });
}

Result<std::optional<SegmentRow>> SqliteStore::segment_from(ChainId chain, std::uint64_t at) {
  return connection_->run(kReading, [&](Database& database) -> std::optional<SegmentRow> {
    Rows<SegmentRow> before(database, "WHERE chain = ? AND first <= ? ORDER BY first DESC LIMIT 1", chain, at);
    if (before.step()) {
      const SegmentRow& row = before.take();
      if (row.end() > at) return row;
    }
    Rows<SegmentRow> after(database, "WHERE chain = ? AND first > ? ORDER BY first LIMIT 1", chain, at);
    if (!after.step()) return std::nullopt;
    return after.take();
  });
}

Result<std::vector<SegmentRow>> SqliteStore::tail(ChainId chain, std::size_t most) {
  return connection_->run(kReading, [&](Database& database) {
    Rows<SegmentRow> rows(database, "WHERE chain = ? ORDER BY first DESC LIMIT ?", chain, std::uint64_t{most});
    return all_of(rows);
  });
}

SegmentListing SqliteStore::segments(ChainId chain) {
  SegmentListing listing;
  const auto walk = [&](const char* order, const std::function<bool(const SegmentRow&)>& take) {
    const auto walked = connection_->run(kReading, [&](Database& database) {
      Rows<SegmentRow> rows(database, std::string("WHERE chain = ? ORDER BY first ") + order, chain);
      while (rows.step()) {
        if (!take(rows.take())) return;
      }
    });
    if (!walked) listing.damage.push_back(walked.error());
    return walked.has_value();
  };
  const auto append = [&](const SegmentRow& row) {
    listing.segments.push_back(row);
    return true;
  };
  if (walk("ASC", append)) return listing;
  // Read from the other end, back to the last segment that was read from the front.
  const std::size_t from_front = listing.segments.size();
  const auto append_after_front = [&](const SegmentRow& row) {
    if (from_front > 0 && row.first <= listing.segments[from_front - 1].first) return false;
    return append(row);
  };
  walk("DESC", append_after_front);
  std::reverse(listing.segments.begin() + static_cast<std::ptrdiff_t>(from_front), listing.segments.end());
  return listing;
}

Result<std::vector<ChainId>> SqliteStore::chains_of_segments() {
  return connection_->run(kReading, [](Database& database) {
    std::vector<ChainId> chains;
    Statement statement(database, "SELECT DISTINCT chain FROM segment ORDER BY chain");
    while (statement.executeStep()) read_value(statement, 0, chains.emplace_back());
    return chains;
  });
}

Result<Bytes> SqliteStore::segment_data(ChainId chain, std::uint64_t first) {
  auto found = connection_->run(kReading, [&](Database& database) -> std::optional<Bytes> {
    Statement statement = prepared(database, "SELECT data FROM segment WHERE chain = ? AND first = ?", chain, first);
    if (!statement.executeStep()) return std::nullopt;
    Bytes data;
    read_value(statement, 0, data);
    // A damaged index may have given the data of another row.
    Rows<SegmentRow> rows(database, "WHERE chain = ? AND first = ?", chain, first);
    if (rows.checked() && (!rows.step() || rows.take().data_checksum != checksum_of_data(data))) {
      throw_damaged("the data of table segment, chain " + std::to_string(chain.value()) + ", first " +
                    std::to_string(first) + " do not match their checksum");
    }
    return data;
  });
  if (!found) return unexpected(found.error());
  if (!*found) return fail(ErrorCode::kUsage, "no segment begins there");
  return std::move(**found);
}

Result<void> SqliteStore::add_segment(const SegmentRow& row, ByteView data) {
  return connection_->run(kWriting, [&](Database& database) {
    SegmentRow checked = row;
    checked.data_checksum = checksum_of_data(data);
    insert(database, "INSERT", checked, checksum_of(checked), data);
  });
}

Result<void> SqliteStore::remove_segment(ChainId chain, std::uint64_t first) {
  return connection_->run(kWriting, [&](Database& database) {
    change(database, "DELETE FROM segment WHERE chain = ? AND first = ?", chain, first);
  });
}

Result<std::optional<PendingRow>> SqliteStore::pending() {
  return connection_->run(kReading, [](Database& database) -> std::optional<PendingRow> {
    const auto all = table<PendingRow>(database, "");
    if (all.empty()) return std::nullopt;
    return all.front();
  });
}

Result<void> SqliteStore::set_pending(const std::optional<PendingRow>& row) {
  return connection_->run(kWriting, [&](Database& database) {
    if (row) return put(database, *row);
    const auto before = stored_checksum(database, PendingRow{});
    change(database, "DELETE FROM pending");
    if (before) change_seal(database, Table<PendingRow>::kName, kWholeTable, before, std::nullopt);
  });
}

Result<std::vector<SourceRow>> SqliteStore::sources() {
  return connection_->run(kReading, [](Database& database) { return table<SourceRow>(database, "ORDER BY source"); });
}

Result<void> SqliteStore::put_source(const SourceRow& row) {
  return connection_->run(kWriting, [&](Database& database) { put(database, row); });
}

Result<std::vector<VerifierRow>> SqliteStore::verifiers() {
  return connection_->run(kReading,
                          [](Database& database) { return table<VerifierRow>(database, "ORDER BY name, chain"); });
}

Result<void> SqliteStore::put_verifier(const VerifierRow& row) {
  return connection_->run(kWriting, [&](Database& database) { put(database, row); });
}

Result<void> SqliteStore::remove_verifier(const std::string& name) {
  return connection_->run(kWriting, [&](Database& database) {
    std::vector<std::int64_t> checksums;
    {
      Statement row = prepared(database, "SELECT checksum FROM verifier WHERE name = ?", name);
      while (row.executeStep()) checksums.push_back(row.getColumn(0).getInt64());
    }
    change(database, "DELETE FROM verifier WHERE name = ?", name);
    for (const std::int64_t checksum : checksums) {
      change_seal(database, Table<VerifierRow>::kName, kWholeTable, checksum, std::nullopt);
    }
  });
}

Result<std::vector<ViolationRow>> SqliteStore::violations(ChainId chain) {
  return connection_->run(
      kReading, [&](Database& database) { return of_chain<ViolationRow>(database, chain, "ORDER BY number"); });
}

Result<void> SqliteStore::put_violation(const ViolationRow& row) {
  return connection_->run(kWriting, [&](Database& database) { put(database, row); });
}

Result<std::vector<AnchorRow>> SqliteStore::anchors_from(ChainId chain, std::uint64_t from) {
  return connection_->run(kReading, [&](Database& database) -> std::vector<AnchorRow> {
    if (!is_of_version(database, kVersionOfKeeper)) return {};
    auto all = of_chain<AnchorRow>(database, chain, "ORDER BY number");
    std::erase_if(all, [from](const AnchorRow& row) { return row.number < from; });
    return all;
  });
}

Result<void> SqliteStore::put_anchor(const AnchorRow& row) {
  return connection_->run(kWriting, [&](Database& database) { put(database, row); });
}

Result<std::optional<ListRow>> SqliteStore::list(ChainId chain) {
  return connection_->run(kReading, [&](Database& database) -> std::optional<ListRow> {
    if (!is_of_version(database, kVersionOfKeeper)) return std::nullopt;
    // Read all rows, so that the seal reveals a missing one.
    const auto all = table<ListRow>(database, "");
    const auto found = std::ranges::find(all, chain, &ListRow::chain);
    return found == all.end() ? std::nullopt : std::optional(*found);
  });
}

Result<void> SqliteStore::put_list(const ListRow& row) {
  return connection_->run(kWriting, [&](Database& database) { put(database, row); });
}

Result<std::optional<OriginRow>> SqliteStore::origin(ChainId chain) {
  return connection_->run(kReading, [&](Database& database) -> std::optional<OriginRow> {
    if (!is_of_version(database, kVersionOfOrigin)) return std::nullopt;
    const auto all = table<OriginRow>(database, "");
    const auto found = std::ranges::find(all, chain, &OriginRow::chain);
    return found == all.end() ? std::nullopt : std::optional(*found);
  });
}

Result<void> SqliteStore::put_origin(const OriginRow& row) {
  return connection_->run(kWriting, [&](Database& database) { put(database, row); });
}

Result<std::vector<IncidentRow>> SqliteStore::incidents() {
  return connection_->run(kReading, [](Database& database) -> std::vector<IncidentRow> {
    if (!is_of_version(database, kVersionOfKeeper)) return {};
    return table<IncidentRow>(database, "ORDER BY incident");
  });
}

Result<void> SqliteStore::put_incident(const IncidentRow& row) {
  return connection_->run(kWriting, [&](Database& database) {
    IncidentRow numbered = row;
    if (numbered.incident == 0) {
      Statement last(database, "SELECT coalesce(max(incident), 0) FROM incident");
      last.executeStep();
      read_value(last, 0, numbered.incident);
      ++numbered.incident;
    }
    put(database, numbered);
  });
}

Result<std::vector<QuoteRow>> SqliteStore::quotes(ChainId chain) {
  return connection_->run(kReading, [&](Database& database) -> std::vector<QuoteRow> {
    if (!is_of_version(database, kVersionOfQuotes)) return {};
    return of_chain<QuoteRow>(database, chain, "ORDER BY quote");
  });
}

Result<void> SqliteStore::put_quote(const QuoteRow& row) {
  return connection_->run(kWriting, [&](Database& database) {
    QuoteRow numbered = row;
    if (numbered.quote == 0) {
      Statement last = prepared(database, "SELECT coalesce(max(quote), 0) FROM quote WHERE chain = ?", row.chain);
      last.executeStep();
      read_value(last, 0, numbered.quote);
      ++numbered.quote;
    }
    put(database, numbered);
  });
}

Result<void> SqliteStore::remove_quote(ChainId chain, std::uint64_t quote) {
  return connection_->run(kWriting, [&](Database& database) {
    const auto before = stored_checksum(database, QuoteRow{.chain = chain, .quote = quote});
    change(database, "DELETE FROM quote WHERE chain = ? AND quote = ?", chain, quote);
    if (before) change_seal(database, Table<QuoteRow>::kName, chain, before, std::nullopt);
  });
}

std::vector<std::string> SqliteStore::check_file() {
  std::vector<std::string> findings;
  const auto checked = connection_->run(kReading, [&](Database& database) {
    Statement statement(database, "PRAGMA integrity_check(20)");
    while (statement.executeStep()) {
      if (const std::string said = statement.getColumn(0).getString(); said != "ok")
        findings.push_back("SQLite: " + said);
    }
  });
  if (!checked) findings.push_back(describe(checked.error()));
  return findings;
}

std::uint64_t SqliteStore::file_bytes() {
  std::uint64_t total = 0;
  for (const char* suffix : {"", "-wal"}) {
    std::error_code missing;
    const auto size = std::filesystem::file_size(connection_->path + suffix, missing);
    if (!missing) total += size;
  }
  return total;
}

}  // namespace imakeep::archive
