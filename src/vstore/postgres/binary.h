// SPDX-License-Identifier: Apache-2.0
// vstore/postgres/binary.h - arguments and results in PostgreSQL's binary format.
//
//   BIGINT       8 bytes, big endian; INTEGER has 4
//   TEXT, BYTEA  the bytes
//   array        int32 dimensions (1), int32 whether it has NULLs, uint32 type of the elements, int32 count of the
//                elements, int32 number of the first (1); then for each element an int32 size, or -1 for NULL, and its
//                bytes. All big endian. Source: array_recv() in src/backend/utils/adt/arrayfuncs.c.
// Threads: no shared state.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "vstore/sql/session.h"

namespace imakeep::vstore {

// The types' numbers in pg_type.dat. 0 for a letter that is none.
std::uint32_t type_of(char letter);
std::uint32_t array_type_of(char letter);

// No value for NULL.
std::optional<Bytes> binary_of(const Param& param);
// Column `column` of a batch of rows that are `width` wide.
Bytes binary_of_column(std::span<const Param> arguments, std::size_t width, std::size_t column, char letter);

// A value of the type `type`. kMalformed: a type that no statement of a store returns, or a wrong size.
Result<Value> value_of_binary(std::uint32_t type, ByteView bytes);

}  // namespace imakeep::vstore
