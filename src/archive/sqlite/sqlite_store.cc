#include "archive/sqlite/sqlite_store.h"

#include <sqlite3.h>

#include <algorithm>
#include <filesystem>
#include <functional>

#include "archive/sqlite/connection.h"

namespace imakeep::archive {
namespace {

using SQLite::Database;
using SQLite::Statement;

constexpr const char* kReading = "cannot read";
constexpr const char* kWriting = "cannot write";
constexpr const char* kSegmentColumns =
    "SELECT chain, first, records, violations, payload_bytes, added_unix_s, start_pcrs, length(data) FROM segment ";

// The schema with which the keeper's tables came: anchor, list and incident.
constexpr int kVersionOfKeeper = 2;

// SQLite's own code for it: a row that says what no row of ours says is damage like any other.
[[noreturn]] void damaged_row() {
  throw SQLite::Exception("a row holds a number out of range", SQLITE_CORRUPT);
}

// Numbers of records and bytes. Far below 2^63, so that sums of two stay numbers.
std::uint64_t number(const Statement& row, int column) {
  constexpr std::int64_t kMost = std::int64_t{1} << 56;
  const std::int64_t value = row.getColumn(column).getInt64();
  if (value < 0 || value > kMost) damaged_row();
  return static_cast<std::uint64_t>(value);
}

Bytes bytes(const Statement& row, int column) {
  const SQLite::Column found = row.getColumn(column);
  const auto* const from = static_cast<const std::byte*>(found.getBlob());
  const auto size = static_cast<std::size_t>(found.getBytes());
  return from == nullptr ? Bytes() : Bytes(from, from + size);
}

std::string text(const Statement& row, int column) {
  return row.getColumn(column).getString();
}

void bind_all(Statement&, int) {}
template <class... Rest>
void bind_all(Statement& statement, int at, std::uint64_t value, const Rest&... rest);
template <class... Rest>
void bind_all(Statement& statement, int at, std::int64_t value, const Rest&... rest);
template <class... Rest>
void bind_all(Statement& statement, int at, const std::string& value, const Rest&... rest);
template <class... Rest>
void bind_all(Statement& statement, int at, ByteView value, const Rest&... rest);
template <class... Rest>
void bind_all(Statement& statement, int at, const std::optional<std::uint64_t>& value, const Rest&... rest);

template <class... Rest>
void bind_all(Statement& statement, int at, std::uint64_t value, const Rest&... rest) {
  statement.bind(at, static_cast<std::int64_t>(value));
  bind_all(statement, at + 1, rest...);
}
template <class... Rest>
void bind_all(Statement& statement, int at, std::int64_t value, const Rest&... rest) {
  statement.bind(at, value);
  bind_all(statement, at + 1, rest...);
}
template <class... Rest>
void bind_all(Statement& statement, int at, const std::string& value, const Rest&... rest) {
  statement.bind(at, value);
  bind_all(statement, at + 1, rest...);
}
template <class... Rest>
void bind_all(Statement& statement, int at, ByteView value, const Rest&... rest) {
  // SQLite takes a null pointer for NULL, not for no bytes.
  statement.bindNoCopy(at, value.empty() ? static_cast<const void*>("") : value.data(), static_cast<int>(value.size()));
  bind_all(statement, at + 1, rest...);
}
template <class... Rest>
void bind_all(Statement& statement, int at, const std::optional<std::uint64_t>& value, const Rest&... rest) {
  if (value) return bind_all(statement, at, *value, rest...);
  statement.bind(at);  // NULL
  bind_all(statement, at + 1, rest...);
}

template <class... Values>
Statement prepared(const Database& database, const std::string& sql, const Values&... values) {
  Statement statement(database, sql);
  bind_all(statement, 1, values...);
  return statement;
}

template <class Row>
std::vector<Row> rows(Statement statement, Row (*read)(const Statement&)) {
  std::vector<Row> all;
  while (statement.executeStep()) all.push_back(read(statement));
  return all;
}

ChainRow chain_row(const Statement& row) {
  return {.chain = number(row, 0),
          .banks = text(row, 1),
          .byte_order = text(row, 2),
          .start = text(row, 3),
          .first_kept = number(row, 4),
          .end = number(row, 5),
          .end_pcrs = bytes(row, 6)};
}

SegmentRow segment_row(const Statement& row) {
  return {.chain = number(row, 0),
          .first = number(row, 1),
          .records = number(row, 2),
          .violations = number(row, 3),
          .payload_bytes = number(row, 4),
          .added_unix_s = row.getColumn(5).getInt64(),
          .stored_bytes = number(row, 7),
          .start_pcrs = bytes(row, 6)};
}

PendingRow pending_row(const Statement& row) {
  return {.chain = number(row, 0),
          .method = text(row, 1),
          .first = number(row, 2),
          .records = number(row, 3),
          .since_unix_s = row.getColumn(4).getInt64()};
}

SourceRow source_row(const Statement& row) {
  return {.source = number(row, 0),
          .chain = number(row, 1),
          .name = text(row, 2),
          .sha256 = bytes(row, 3),
          .first = number(row, 4),
          .records = number(row, 5),
          .done = number(row, 6)};
}

VerifierRow verifier_row(const Statement& row) {
  return {.name = text(row, 0), .chain = number(row, 1), .acknowledged = number(row, 2)};
}

ViolationRow violation_row(const Statement& row) {
  return {.chain = number(row, 0), .number = number(row, 1), .record = bytes(row, 2)};
}

AnchorRow anchor_row(const Statement& row) {
  return {.chain = number(row, 0),
          .number = number(row, 1),
          .broken_at = number(row, 2),
          .why = text(row, 3),
          .since_unix_s = row.getColumn(4).getInt64(),
          .pcrs = bytes(row, 5),
          .before_pcrs = bytes(row, 6)};
}

ListRow list_row(const Statement& row) {
  return {.chain = number(row, 0),
          .head = number(row, 1),
          .holes = text(row, 2),
          .proven = number(row, 3),
          .proven_unix_s = row.getColumn(4).getInt64(),
          .trimmed = number(row, 5),
          .trims = number(row, 6),
          .trimmed_unix_s = row.getColumn(7).getInt64(),
          .trimmed_by_others = number(row, 8),
          .trims_by_others = number(row, 9),
          .boot_id = text(row, 10)};
}

IncidentRow incident_row(const Statement& row) {
  return {.incident = number(row, 0),
          .chain = number(row, 1),
          .first = number(row, 2),
          .records = row.isColumnNull(3) ? std::nullopt : std::optional(number(row, 3)),
          .kind = text(row, 4),
          .what = text(row, 5),
          .since_unix_s = row.getColumn(6).getInt64()};
}

// Whether the file has the tables that came with the version. A reader meets files that no writer has upgraded yet, and
// may have one upgraded under it.
bool is_of_version(Database& database, int version) {
  return database.execAndGet("PRAGMA user_version").getInt() >= version;
}

// Every change is made within begin() and commit(), so that none is half made.
void require_transaction(const Database& database) {
  if (sqlite3_get_autocommit(database.getHandle()) != 0) {
    throw SQLite::Exception("the archive is changed within a transaction only", SQLITE_MISUSE);
  }
}

template <class... Values>
void change(const Database& database, const std::string& sql, const Values&... values) {
  require_transaction(database);
  prepared(database, sql, values...).exec();
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
  // What is written to a file without a name is gone with the process.
  rollback();
  return fail(ErrorCode::kEnvironment, connection_->path +
                                           " was removed, moved or replaced while it was in use; nothing more is "
                                           "written to it: put it back, then start again");
}

Result<void> SqliteStore::begin_reading() {
  return connection_->run(kReading, [](Database& database) {
    database.exec("BEGIN");
    // The first read fixes what all of them see.
    database.execAndGet("SELECT count(*) FROM sqlite_master");
  });
}

Result<void> SqliteStore::commit() {
  return connection_->run(kWriting, [](Database& database) { database.exec("COMMIT"); });
}

void SqliteStore::rollback() noexcept {
  // SQLite rolls back by itself after some errors; that this one then fails is no news.
  connection_->database->tryExec("ROLLBACK");
}

Result<std::vector<ChainRow>> SqliteStore::chains() {
  return connection_->run(kReading, [](Database& database) {
    return rows(
        prepared(database,
                 "SELECT chain, banks, byte_order, start, first_kept, \"end\", end_pcrs FROM chain ORDER BY chain"),
        chain_row);
  });
}

Result<void> SqliteStore::put_chain(const ChainRow& row) {
  return connection_->run(kWriting, [&](Database& database) {
    change(database, "INSERT OR REPLACE INTO chain VALUES (?, ?, ?, ?, ?, ?, ?)", row.chain, row.banks, row.byte_order,
           row.start, row.first_kept, row.end, ByteView(row.end_pcrs));
  });
}

Result<std::optional<SegmentRow>> SqliteStore::segment_from(std::uint64_t chain, std::uint64_t at) {
  return connection_->run(kReading, [&](Database& database) -> std::optional<SegmentRow> {
    const std::string columns = kSegmentColumns;
    const auto before =
        rows(prepared(database, columns + "WHERE chain = ? AND first <= ? ORDER BY first DESC LIMIT 1", chain, at),
             segment_row);
    if (!before.empty() && before.front().end() > at) return before.front();
    const auto behind = rows(
        prepared(database, columns + "WHERE chain = ? AND first > ? ORDER BY first LIMIT 1", chain, at), segment_row);
    if (behind.empty()) return std::nullopt;
    return behind.front();
  });
}

Result<std::vector<SegmentRow>> SqliteStore::tail(std::uint64_t chain, std::size_t most) {
  return connection_->run(kReading, [&](Database& database) {
    return rows(prepared(database, std::string(kSegmentColumns) + "WHERE chain = ? ORDER BY first DESC LIMIT ?", chain,
                         std::uint64_t{most}),
                segment_row);
  });
}

SegmentListing SqliteStore::segments(std::uint64_t chain) {
  SegmentListing listing;
  const auto walk = [&](const char* order, const std::function<bool(const SegmentRow&)>& take) {
    const auto walked = connection_->run(kReading, [&](Database& database) {
      Statement statement =
          prepared(database, std::string(kSegmentColumns) + "WHERE chain = ? ORDER BY first " + order, chain);
      while (statement.executeStep()) {
        if (!take(segment_row(statement))) return;
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
  // The other end, as far as what is known already.
  const std::size_t from_front = listing.segments.size();
  const auto append_behind = [&](const SegmentRow& row) {
    if (from_front > 0 && row.first <= listing.segments[from_front - 1].first) return false;
    return append(row);
  };
  walk("DESC", append_behind);
  std::reverse(listing.segments.begin() + static_cast<std::ptrdiff_t>(from_front), listing.segments.end());
  return listing;
}

Result<std::vector<std::uint64_t>> SqliteStore::chains_of_segments() {
  return connection_->run(kReading, [](Database& database) {
    std::vector<std::uint64_t> chains;
    Statement statement(database, "SELECT DISTINCT chain FROM segment ORDER BY chain");
    while (statement.executeStep()) chains.push_back(number(statement, 0));
    return chains;
  });
}

Result<Bytes> SqliteStore::segment_data(std::uint64_t chain, std::uint64_t first) {
  auto found = connection_->run(kReading, [&](Database& database) -> std::optional<Bytes> {
    Statement statement = prepared(database, "SELECT data FROM segment WHERE chain = ? AND first = ?", chain, first);
    if (!statement.executeStep()) return std::nullopt;
    return bytes(statement, 0);
  });
  if (!found) return unexpected(found.error());
  if (!*found) return fail(ErrorCode::kUsage, "no segment begins there");
  return std::move(**found);
}

Result<void> SqliteStore::add_segment(const SegmentRow& row, ByteView data) {
  return connection_->run(kWriting, [&](Database& database) {
    change(database, "INSERT INTO segment VALUES (?, ?, ?, ?, ?, ?, ?, ?)", row.chain, row.first, row.records,
           row.violations, row.payload_bytes, row.added_unix_s, ByteView(row.start_pcrs), data);
  });
}

Result<void> SqliteStore::remove_segment(std::uint64_t chain, std::uint64_t first) {
  return connection_->run(kWriting, [&](Database& database) {
    change(database, "DELETE FROM segment WHERE chain = ? AND first = ?", chain, first);
  });
}

Result<std::optional<PendingRow>> SqliteStore::pending() {
  return connection_->run(kReading, [](Database& database) -> std::optional<PendingRow> {
    const auto all =
        rows(prepared(database, "SELECT chain, method, first, records, since_unix_s FROM pending"), pending_row);
    if (all.empty()) return std::nullopt;
    return all.front();
  });
}

Result<void> SqliteStore::set_pending(const std::optional<PendingRow>& row) {
  return connection_->run(kWriting, [&](Database& database) {
    if (!row) return change(database, "DELETE FROM pending");
    change(database, "INSERT OR REPLACE INTO pending VALUES (1, ?, ?, ?, ?, ?)", row->chain, row->method, row->first,
           row->records, row->since_unix_s);
  });
}

Result<std::vector<SourceRow>> SqliteStore::sources() {
  return connection_->run(kReading, [](Database& database) {
    return rows(
        prepared(database, "SELECT source, chain, name, sha256, first, records, done FROM source ORDER BY source"),
        source_row);
  });
}

Result<void> SqliteStore::put_source(const SourceRow& row) {
  return connection_->run(kWriting, [&](Database& database) {
    change(database, "INSERT OR REPLACE INTO source VALUES (?, ?, ?, ?, ?, ?, ?)", row.source, row.chain, row.name,
           ByteView(row.sha256), row.first, row.records, row.done);
  });
}

Result<std::vector<VerifierRow>> SqliteStore::verifiers() {
  return connection_->run(kReading, [](Database& database) {
    return rows(prepared(database, "SELECT name, chain, acknowledged FROM verifier ORDER BY name, chain"),
                verifier_row);
  });
}

Result<void> SqliteStore::put_verifier(const VerifierRow& row) {
  return connection_->run(kWriting, [&](Database& database) {
    change(database, "INSERT OR REPLACE INTO verifier VALUES (?, ?, ?)", row.name, row.chain, row.acknowledged);
  });
}

Result<std::vector<ViolationRow>> SqliteStore::violations(std::uint64_t chain) {
  return connection_->run(kReading, [&](Database& database) {
    return rows(
        prepared(database, "SELECT chain, number, record FROM violation WHERE chain = ? ORDER BY number", chain),
        violation_row);
  });
}

Result<void> SqliteStore::put_violation(const ViolationRow& row) {
  return connection_->run(kWriting, [&](Database& database) {
    change(database, "INSERT OR REPLACE INTO violation VALUES (?, ?, ?)", row.chain, row.number, ByteView(row.record));
  });
}

Result<std::vector<AnchorRow>> SqliteStore::anchors_from(std::uint64_t chain, std::uint64_t from) {
  return connection_->run(kReading, [&](Database& database) -> std::vector<AnchorRow> {
    if (!is_of_version(database, kVersionOfKeeper)) return {};
    return rows(prepared(database,
                         "SELECT chain, number, broken_at, why, since_unix_s, pcrs, before_pcrs FROM anchor "
                         "WHERE chain = ? AND number >= ? ORDER BY number",
                         chain, from),
                anchor_row);
  });
}

Result<void> SqliteStore::put_anchor(const AnchorRow& row) {
  return connection_->run(kWriting, [&](Database& database) {
    change(database, "INSERT OR REPLACE INTO anchor VALUES (?, ?, ?, ?, ?, ?, ?)", row.chain, row.number, row.broken_at,
           row.why, row.since_unix_s, ByteView(row.pcrs), ByteView(row.before_pcrs));
  });
}

Result<std::optional<ListRow>> SqliteStore::list(std::uint64_t chain) {
  return connection_->run(kReading, [&](Database& database) -> std::optional<ListRow> {
    if (!is_of_version(database, kVersionOfKeeper)) return std::nullopt;
    const auto found = rows(prepared(database,
                                     "SELECT chain, head, holes, proven, proven_unix_s, trimmed, trims, "
                                     "trimmed_unix_s, trimmed_by_others, trims_by_others, boot_id "
                                     "FROM list WHERE chain = ?",
                                     chain),
                            list_row);
    if (found.empty()) return std::nullopt;
    return found.front();
  });
}

Result<void> SqliteStore::put_list(const ListRow& row) {
  return connection_->run(kWriting, [&](Database& database) {
    change(database, "INSERT OR REPLACE INTO list VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", row.chain, row.head,
           row.holes, row.proven, row.proven_unix_s, row.trimmed, row.trims, row.trimmed_unix_s, row.trimmed_by_others,
           row.trims_by_others, row.boot_id);
  });
}

Result<std::vector<IncidentRow>> SqliteStore::incidents() {
  return connection_->run(kReading, [](Database& database) -> std::vector<IncidentRow> {
    if (!is_of_version(database, kVersionOfKeeper)) return {};
    return rows(
        prepared(database,
                 "SELECT incident, chain, first, records, kind, what, since_unix_s FROM incident ORDER BY incident"),
        incident_row);
  });
}

Result<void> SqliteStore::put_incident(const IncidentRow& row) {
  return connection_->run(kWriting, [&](Database& database) {
    // SQLite gives a NULL key the number behind the largest.
    change(database, "INSERT OR REPLACE INTO incident VALUES (nullif(?, 0), ?, ?, ?, ?, ?, ?)", row.incident, row.chain,
           row.first, row.records, row.kind, row.what, row.since_unix_s);
  });
}

std::vector<std::string> SqliteStore::check_file() {
  std::vector<std::string> findings;
  const auto checked = connection_->run(kReading, [&](Database& database) {
    Statement statement(database, "PRAGMA integrity_check(20)");
    while (statement.executeStep()) {
      if (const std::string said = text(statement, 0); said != "ok") findings.push_back("SQLite: " + said);
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
