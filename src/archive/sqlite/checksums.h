// SPDX-License-Identifier: Apache-2.0
// archive/sqlite/checksums.h - checksums of an archive file's rows, and of the sets of rows.
//
// A row's checksum covers the table's name, and each column's name, type and value. So a reader detects every changed
// bit of a row. A seal is a row of the table `seal`: the count of rows that a table (or a chain in a table) has, and
// the sum of their checksums. So a reader detects a row that was lost, duplicated or moved to another table. Checksums
// and seals find damage. They do not prove who wrote a row, because anybody can compute them.
// Byte layout: docs/formats/archive.md, "Checksums". Threads: no shared state.
#pragma once

#include <SQLiteCpp/SQLiteCpp.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "archive/chain_id.h"
#include "base/bytes.h"

namespace imakeep::archive {

// The first schema version with checksums.
inline constexpr int kVersionOfChecksums = 3;
// The first schema version with the table quote.
inline constexpr int kVersionOfQuotes = 5;

// Collects a row's columns, in the table's order, and hashes them.
class RowChecksum {
 public:
  explicit RowChecksum(std::string_view table);

  void add(std::string_view column, std::int64_t value);
  void add(std::string_view column, std::uint64_t value) { add(column, static_cast<std::int64_t>(value)); }
  void add(std::string_view column, ChainId value) { add(column, value.value()); }
  void add(std::string_view column, std::string_view value);
  void add(std::string_view column, ByteView value);
  void add(std::string_view column, const std::optional<std::uint64_t>& value);

  std::int64_t value() const;

 private:
  void add_name(std::string_view column, char type);
  void add_bytes(ByteView bytes);

  Bytes covered_;
};

// The checksum of a segment's data. The row has it in a column of its own, so that the row can be read and checked
// without the data.
std::int64_t checksum_of_data(ByteView data);

// The checksum of a statement's current row, over `count` columns from column `from` on.
std::int64_t checksum_of(std::string_view table, const SQLite::Statement& row, int from, int count);

// The contents of a seal: the rows of a table, or of a chain in a table. A new Seal covers no rows.
struct Seal {
  std::uint64_t rows = 0;
  std::uint64_t sum = 0;  // of the checksums, modulo 2^64

  void add(std::int64_t checksum) {
    ++rows;
    sum += static_cast<std::uint64_t>(checksum);
  }
  void remove(std::int64_t checksum) {
    --rows;
    sum -= static_cast<std::uint64_t>(checksum);
  }
  friend bool operator==(const Seal&, const Seal&) = default;
};

// The seals of a table that has one seal for all its rows name this chain.
inline constexpr ChainId kWholeTable = kNoChain;

// The version of the file's schema. Throws SQLITE_CORRUPT if the version requires the table `seal` and the file has
// none, or the other way round.
int version_of(SQLite::Database& database);

// Throws SQLITE_CORRUPT if the seal's own row is damaged.
Seal seal_of(SQLite::Database& database, const std::string& table, ChainId chain);
// Updates a seal after the checksum `removed` was removed and `added` was added. Leaves a damaged seal unchanged, so
// that the damage stays visible.
void change_seal(SQLite::Database& database, const std::string& table, ChainId chain,
                 const std::optional<std::int64_t>& removed, const std::optional<std::int64_t>& added);

// For an upgrade, before its steps: throws SQLITE_CORRUPT, naming the row or the table, if a row or a table's seals do
// not match. The upgrade would compute new checksums, and so hide the damage.
void check_all_rows(SQLite::Database& database);
// For an upgrade from before kVersionOfChecksums, after its steps: computes the checksum of each segment's data.
void write_data_checksums(SQLite::Database& database);
// For an upgrade, after its steps: computes the checksum of every row and every seal anew.
void write_all_checksums(SQLite::Database& database);

// Throws SQLITE_CORRUPT, the exception that SQLite itself throws for damage. Connection::error() makes it kMalformed.
[[noreturn]] void throw_damaged(const std::string& what);

}  // namespace imakeep::archive
