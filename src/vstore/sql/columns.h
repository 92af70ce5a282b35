// SPDX-License-Identifier: Apache-2.0
// vstore/sql/columns.h - takes the values of a row in the order of its columns, and makes arguments of members.
//
// For the sources of SqlStore only. A row has the types that the statement's columns have. Threads: no shared state.
#pragma once

#include <algorithm>
#include <limits>
#include <optional>
#include <utility>

#include "vstore/sql/session.h"

namespace imakeep::vstore {

class Columns {
 public:
  explicit Columns(Row& row) : row_(row) {}

  std::int64_t number() { return std::get<std::int64_t>(next()); }
  std::uint64_t count() { return static_cast<std::uint64_t>(number()); }
  bool flag() { return number() != 0; }
  std::string text() { return std::get<std::string>(std::move(next())); }
  Bytes bytes() { return std::get<Bytes>(std::move(next())); }
  template <class Enum>
  Enum kind() {
    return static_cast<Enum>(number());
  }
  // Whether the next value is NULL. Skips it if it is.
  bool null() {
    const bool is_null = std::holds_alternative<std::monostate>(row_[at_]);
    if (is_null) ++at_;
    return is_null;
  }
  void skip() { ++at_; }

 private:
  Value& next() { return row_[at_++]; }

  Row& row_;
  std::size_t at_ = 0;
};

inline Param param(const std::string& text) {
  return std::string_view(text);
}
inline Param param(ByteView bytes) {
  return bytes;
}
inline Param param(const Bytes& bytes) {
  return ByteView(bytes);
}
inline Param param(std::uint64_t number) {
  return static_cast<std::int64_t>(number);
}
inline Param param(std::int64_t number) {
  return number;
}
inline Param param(bool flag) {
  return std::int64_t{flag};
}
template <class Enum>
  requires std::is_enum_v<Enum>
Param param(Enum value) {
  return static_cast<std::int64_t>(value);
}
template <class T>
Param param(const std::optional<T>& value) {
  return value ? param(*value) : Param();
}

// The arguments of a statement, or the next row of a batch.
template <class... Values>
void add_arguments(Statement& statement, const Values&... values) {
  (statement.arguments.push_back(param(values)), ...);
}

template <class... Values>
Statement statement(const char* sql, std::string_view types, const Values&... values) {
  Statement made{.sql = sql, .types = types, .arguments = {}};
  add_arguments(made, values...);
  return made;
}

// A LIMIT that every database takes.
inline std::uint64_t row_limit(std::size_t limit) {
  return std::min<std::uint64_t>(limit, std::numeric_limits<std::int64_t>::max());
}

inline Statement batch(const char* sql, std::string_view types) {
  return {.sql = sql, .types = types, .arguments = {}, .batch = true};
}

}  // namespace imakeep::vstore
