// SPDX-License-Identifier: Apache-2.0
// vstore/sql/dialect.h - one text of a statement for SQLite and PostgreSQL.
//
//   $1, $2        parameters
//   [A|B]         A for PostgreSQL, B for SQLite; both may be empty
//   {a, b}        in a batch: the rows of arguments as a table `r` with these columns
//   BIGINT, BYTEA, TEXT   types, in the schema only
// PostgreSQL gets a batch as arrays and runs the statement once. SQLite runs it once for each row.
// Threads: no shared state.
#pragma once

#include <string>
#include <string_view>

namespace imakeep::vstore {

std::string for_postgres(std::string_view sql, std::string_view types);
std::string for_sqlite(std::string_view sql);

// The same for a text of the schema. PostgreSQL then compares texts byte by byte, as SQLite does.
std::string schema_for_postgres(std::string_view sql);
std::string schema_for_sqlite(std::string_view sql);

}  // namespace imakeep::vstore
