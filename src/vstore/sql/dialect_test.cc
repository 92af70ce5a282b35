// SPDX-License-Identifier: Apache-2.0
#include "vstore/sql/dialect.h"

#include <gtest/gtest.h>

namespace imakeep::vstore {
namespace dialect_test {

TEST(Dialect, ChoosesOneHalfOfABracket) {
  EXPECT_EQ(for_postgres("SELECT 1 [FOR SHARE|] [|x]", ""), "SELECT 1 FOR SHARE ");
  EXPECT_EQ(for_sqlite("SELECT 1 [FOR SHARE|] [|x]"), "SELECT 1  x");
}

TEST(Dialect, KeepsParametersOfPostgresAndRenamesThoseOfSqlite) {
  EXPECT_EQ(for_postgres("a = $1 AND b = $12", "ti"), "a = $1 AND b = $12");
  EXPECT_EQ(for_sqlite("a = $1 AND b = $12"), "a = ?1 AND b = ?12");
}

TEST(Dialect, MakesATableOfABatch) {
  EXPECT_EQ(for_postgres("SELECT a FROM {a, b, c} WHERE true", "tib"),
            "SELECT a FROM unnest($1::text[], $2::bigint[], $3::bytea[]) AS r (a, b, c) WHERE true");
  EXPECT_EQ(for_sqlite("SELECT a FROM {a, b} WHERE true"), "SELECT a FROM (SELECT ?1 AS a, ?2 AS b) AS r WHERE true");
}

TEST(Dialect, GivesColumnsTheTypesOfTheDatabase) {
  EXPECT_EQ(schema_for_postgres("a TEXT NOT NULL, b BIGINT, c BYTEA) [|STRICT];"),
            "a TEXT COLLATE \"C\" NOT NULL, b BIGINT, c BYTEA) ;");
  EXPECT_EQ(schema_for_sqlite("a TEXT NOT NULL, b BIGINT, c BYTEA) [|STRICT];"),
            "a TEXT NOT NULL, b INTEGER, c BLOB) STRICT;");
}

}  // namespace dialect_test
}  // namespace imakeep::vstore
