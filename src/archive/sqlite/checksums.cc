// SPDX-License-Identifier: Apache-2.0
#include "archive/sqlite/checksums.h"

#include <sqlite3.h>

#include <array>
#include <map>
#include <vector>

#include "digest/digest.h"

namespace imakeep::archive {
namespace {

constexpr char kSealTable[] = "seal";
constexpr char kQuoteTable[] = "quote";
constexpr char kPutSeal[] = "INSERT OR REPLACE INTO seal VALUES (?, ?, ?, ?, ?)";

struct SealedTable {
  const char* name;
  const char* chain;  // the column with the chain whose seal covers a row; null: one seal covers the whole table
  bool sealed = true;
  int since = 1;  // the first schema version with the table, if that is later than kVersionOfChecksums
};
constexpr std::array<SealedTable, 11> kTables{{{.name = "chain", .chain = nullptr},
                                               {.name = "segment", .chain = nullptr, .sealed = false},
                                               {.name = "pending", .chain = nullptr},
                                               {.name = "source", .chain = nullptr},
                                               {.name = "verifier", .chain = nullptr},
                                               {.name = "violation", .chain = "chain"},
                                               {.name = "anchor", .chain = "chain"},
                                               {.name = "list", .chain = nullptr},
                                               {.name = "origin", .chain = nullptr},
                                               {.name = "incident", .chain = nullptr},
                                               {.name = kQuoteTable, .chain = "chain", .since = kVersionOfQuotes}}};

std::int64_t checksum_of_seal(const std::string& table, ChainId chain, const Seal& seal) {
  RowChecksum checksum(kSealTable);
  checksum.add("name", std::string_view(table));
  checksum.add("chain", chain);
  checksum.add("rows", seal.rows);
  checksum.add("sum", seal.sum);
  return checksum.value();
}

void put_seal(SQLite::Database& database, const std::string& table, ChainId chain, const Seal& seal) {
  SQLite::Statement put(database, kPutSeal);
  put.bind(1, table);
  put.bind(2, static_cast<std::int64_t>(chain.value()));
  put.bind(3, static_cast<std::int64_t>(seal.rows));
  put.bind(4, static_cast<std::int64_t>(seal.sum));
  put.bind(5, checksum_of_seal(table, chain, seal));
  put.exec();
}

struct StoredSeal {
  Seal seal;
  bool intact = true;
};

StoredSeal stored_seal(SQLite::Database& database, const std::string& table, ChainId chain) {
  SQLite::Statement row(database, "SELECT rows, sum, checksum FROM seal WHERE name = ? AND chain = ?");
  row.bind(1, table);
  row.bind(2, static_cast<std::int64_t>(chain.value()));
  if (!row.executeStep()) return {};
  const Seal seal{.rows = static_cast<std::uint64_t>(row.getColumn(0).getInt64()),
                  .sum = static_cast<std::uint64_t>(row.getColumn(1).getInt64())};
  return {.seal = seal, .intact = row.getColumn(2).getInt64() == checksum_of_seal(table, chain, seal)};
}

std::string quoted(const std::string& name) {
  return '"' + name + '"';
}

// The columns that a row's checksum covers, in a file of any version: all except the checksum and a segment's data.
std::vector<std::string> covered_columns(SQLite::Database& database, const std::string& table) {
  std::vector<std::string> columns;
  SQLite::Statement row(database, "SELECT name FROM pragma_table_info(?)");
  row.bind(1, table);
  while (row.executeStep()) {
    std::string name = row.getColumn(0).getString();
    if (name != "checksum" && name != "data") columns.push_back(std::move(name));
  }
  return columns;
}

constexpr char kRestore[] = "; restore the archive from a backup before it is upgraded";

// The seals of a table by chain, without those that cover no rows.
std::map<ChainId, Seal> all_seals(SQLite::Database& database, const std::string& table) {
  std::map<ChainId, Seal> seals;
  SQLite::Statement row(database, "SELECT chain FROM seal WHERE name = ? AND rows <> 0");
  row.bind(1, table);
  while (row.executeStep()) {
    const ChainId chain(static_cast<std::uint64_t>(row.getColumn(0).getInt64()));
    seals[chain] = seal_of(database, table, chain);
  }
  return seals;
}

// A query for every row: its rowid, the columns that `more` names, and then `columns`, which its checksum covers.
SQLite::Statement all_rows(SQLite::Database& database, const std::string& table, const std::string& more,
                           const std::vector<std::string>& columns) {
  std::string sql = "SELECT rowid, " + more;
  for (const std::string& column : columns) sql += ", " + quoted(column);
  return {database, sql + " FROM " + quoted(table)};
}

}  // namespace

RowChecksum::RowChecksum(std::string_view table) {
  append_bytes(covered_, as_bytes(table));
  covered_.push_back(std::byte{0});
}

void RowChecksum::add_name(std::string_view column, char type) {
  append_bytes(covered_, as_bytes(column));
  covered_.push_back(std::byte{0});
  covered_.push_back(static_cast<std::byte>(type));
}

void RowChecksum::add_bytes(ByteView bytes) {
  append_int(covered_, static_cast<std::uint64_t>(bytes.size()), ByteOrder::kLittle);
  append_bytes(covered_, bytes);
}

void RowChecksum::add(std::string_view column, std::int64_t value) {
  add_name(column, 'i');
  append_int(covered_, static_cast<std::uint64_t>(value), ByteOrder::kLittle);
}

void RowChecksum::add(std::string_view column, std::string_view value) {
  add_name(column, 't');
  add_bytes(as_bytes(value));
}

void RowChecksum::add(std::string_view column, ByteView value) {
  add_name(column, 'b');
  add_bytes(value);
}

void RowChecksum::add(std::string_view column, const std::optional<std::uint64_t>& value) {
  if (value) return add(column, *value);
  add_name(column, 'n');
}

std::int64_t RowChecksum::value() const {
  return checksum_of_data(covered_);
}

std::int64_t checksum_of_data(ByteView data) {
  const digest::Digest hash = digest::hash(digest::Algorithm::kSha256, data);
  return static_cast<std::int64_t>(load<std::uint64_t>(hash.view().data(), ByteOrder::kLittle));
}

std::int64_t checksum_of(std::string_view table, const SQLite::Statement& row, int from, int count) {
  RowChecksum checksum(table);
  for (int i = from; i < from + count; ++i) {
    const SQLite::Column column = row.getColumn(i);
    const char* const name = column.getName();
    const auto bytes = [&column] {
      // The value's text or bytes. SQLite requires the call for the pointer before the call for the size.
      const auto* const at = static_cast<const std::byte*>(column.getBlob());
      return ByteView(at, static_cast<std::size_t>(column.getBytes()));
    };
    switch (column.getType()) {
      case SQLITE_INTEGER:
        checksum.add(name, column.getInt64());
        break;
      case SQLITE_TEXT:
        checksum.add(name, as_text(bytes()));
        break;
      case SQLITE_BLOB:
        checksum.add(name, bytes());
        break;
      case SQLITE_NULL:
        checksum.add(name, std::optional<std::uint64_t>());
        break;
      default:
        throw_damaged("a row of table " + std::string(table) + " holds a value of a wrong type");
    }
  }
  return checksum.value();
}

int version_of(SQLite::Database& database) {
  const int version = database.execAndGet("PRAGMA user_version").getInt();
  const bool sealed = database.tableExists(kSealTable);
  const bool with_quotes = database.tableExists(kQuoteTable);
  if ((version >= kVersionOfChecksums) != sealed || (version >= kVersionOfQuotes) != with_quotes) {
    throw_damaged("its version does not match its tables");
  }
  return version;
}

Seal seal_of(SQLite::Database& database, const std::string& table, ChainId chain) {
  const StoredSeal stored = stored_seal(database, table, chain);
  if (!stored.intact) throw_damaged("the seal of table " + table + " is damaged");
  return stored.seal;
}

void change_seal(SQLite::Database& database, const std::string& table, ChainId chain,
                 const std::optional<std::int64_t>& removed, const std::optional<std::int64_t>& added) {
  StoredSeal stored = stored_seal(database, table, chain);
  if (!stored.intact) return;
  if (removed) stored.seal.remove(*removed);
  if (added) stored.seal.add(*added);
  put_seal(database, table, chain, stored.seal);
}

void check_all_rows(SQLite::Database& database) {
  const int version = version_of(database);
  for (const SealedTable& table : kTables) {
    if (table.since > version) continue;
    const auto columns = covered_columns(database, table.name);
    std::map<ChainId, Seal> found;
    const std::string chain = table.chain == nullptr ? "0" : quoted(table.chain);
    SQLite::Statement row = all_rows(database, table.name, chain + ", checksum", columns);
    while (row.executeStep()) {
      const auto checksum = checksum_of(table.name, row, 3, static_cast<int>(columns.size()));
      found[ChainId(static_cast<std::uint64_t>(row.getColumn(1).getInt64()))].add(checksum);
      if (row.getColumn(2).getInt64() == checksum) continue;
      throw_damaged("row " + std::to_string(row.getColumn(0).getInt64()) + " of table " + table.name +
                    " does not match its checksum" + kRestore);
    }
    if (table.sealed && found != all_seals(database, table.name)) {
      throw_damaged(std::string("table ") + table.name + " does not match its seals" + kRestore);
    }
  }
}

void write_data_checksums(SQLite::Database& database) {
  std::vector<std::int64_t> rowids;
  {
    SQLite::Statement row(database, "SELECT rowid FROM segment");
    while (row.executeStep()) rowids.push_back(row.getColumn(0).getInt64());
  }
  SQLite::Statement read(database, "SELECT data FROM segment WHERE rowid = ?");
  SQLite::Statement update(database, "UPDATE segment SET data_checksum = ? WHERE rowid = ?");
  for (const std::int64_t rowid : rowids) {
    read.bind(1, rowid);
    read.executeStep();
    const SQLite::Column data = read.getColumn(0);
    const auto* const at = static_cast<const std::byte*>(data.getBlob());
    update.bind(1, checksum_of_data(ByteView(at, static_cast<std::size_t>(data.getBytes()))));
    update.bind(2, rowid);
    update.exec();
    update.reset();
    read.reset();
  }
}

void write_all_checksums(SQLite::Database& database) {
  database.exec("DELETE FROM seal");
  for (const SealedTable& table : kTables) {
    const auto columns = covered_columns(database, table.name);
    std::vector<std::pair<std::int64_t, std::int64_t>> checksums;  // rowid and checksum
    std::map<ChainId, Seal> seals;
    {
      SQLite::Statement row =
          all_rows(database, table.name, table.chain == nullptr ? "0" : quoted(table.chain), columns);
      while (row.executeStep()) {
        const auto checksum = checksum_of(table.name, row, 2, static_cast<int>(columns.size()));
        checksums.emplace_back(row.getColumn(0).getInt64(), checksum);
        seals[ChainId(static_cast<std::uint64_t>(row.getColumn(1).getInt64()))].add(checksum);
      }
    }
    SQLite::Statement update(database, "UPDATE " + quoted(table.name) + " SET checksum = ? WHERE rowid = ?");
    for (const auto& [rowid, checksum] : checksums) {
      update.bind(1, checksum);
      update.bind(2, rowid);
      update.exec();
      update.reset();
    }
    if (!table.sealed) continue;
    for (const auto& [chain, seal] : seals) put_seal(database, table.name, chain, seal);
  }
}

void throw_damaged(const std::string& what) {
  throw SQLite::Exception(what, SQLITE_CORRUPT);
}

}  // namespace imakeep::archive
