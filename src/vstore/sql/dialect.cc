// SPDX-License-Identifier: Apache-2.0
#include "vstore/sql/dialect.h"

#include <array>
#include <utility>

#include "base/text.h"

namespace imakeep::vstore {
namespace {

// The text with the chosen half of each [A|B].
std::string with_choices(std::string_view sql, bool postgres) {
  std::string out;
  for (;;) {
    const auto open = sql.find('[');
    out += sql.substr(0, open);
    if (open == std::string_view::npos) return out;
    const auto middle = sql.find('|', open);
    const auto close = sql.find(']', middle);
    out += postgres ? sql.substr(open + 1, middle - open - 1) : sql.substr(middle + 1, close - middle - 1);
    sql.remove_prefix(close + 1);
  }
}

const char* array_type(char type) {
  switch (type) {
    case 'i':
      return "bigint[]";
    case 't':
      return "text[]";
    default:
      return "bytea[]";
  }
}

std::string table_for_postgres(std::string_view columns, std::string_view types) {
  std::string arrays;
  for (std::size_t i = 0; i < types.size(); ++i) {
    arrays += (i == 0 ? "$" : ", $") + std::to_string(i + 1) + "::" + array_type(types[i]);
  }
  return "unnest(" + arrays + ") AS r (" + std::string(columns) + ")";
}

std::string table_for_sqlite(std::string_view columns) {
  std::string selected;
  std::size_t number = 0;
  for (const std::string_view column : split(columns, ",")) {
    selected += (number == 0 ? "?" : ", ?") + std::to_string(number + 1) + " AS " + std::string(trimmed(column));
    ++number;
  }
  return "(SELECT " + selected + ") AS r";
}

template <class MakeTable>
std::string with_table(std::string sql, MakeTable&& make_table) {
  const auto open = sql.find('{');
  if (open == std::string::npos) return sql;
  const auto close = sql.find('}', open);
  const std::string table = make_table(std::string_view(sql).substr(open + 1, close - open - 1));
  return sql.replace(open, close - open + 1, table);
}

std::string with_types(std::string sql, const std::array<std::pair<std::string_view, std::string_view>, 3>& types) {
  for (const auto& [word, type] : types) {
    for (std::size_t at = 0; (at = sql.find(word, at)) != std::string::npos; at += type.size()) {
      sql.replace(at, word.size(), type);
    }
  }
  return sql;
}

}  // namespace

std::string for_postgres(std::string_view sql, std::string_view types) {
  return with_table(with_choices(sql, true),
                    [&](std::string_view columns) { return table_for_postgres(columns, types); });
}

std::string for_sqlite(std::string_view sql) {
  std::string text = with_table(with_choices(sql, false), table_for_sqlite);
  for (char& c : text) {
    if (c == '$') c = '?';
  }
  return text;
}

std::string schema_for_postgres(std::string_view sql) {
  return with_types(with_choices(sql, true),
                    {{{"TEXT", "TEXT COLLATE \"C\""}, {"BIGINT", "BIGINT"}, {"BYTEA", "BYTEA"}}});
}

std::string schema_for_sqlite(std::string_view sql) {
  return with_types(with_choices(sql, false), {{{"TEXT", "TEXT"}, {"BIGINT", "INTEGER"}, {"BYTEA", "BLOB"}}});
}

}  // namespace imakeep::vstore
