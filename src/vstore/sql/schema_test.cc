// SPDX-License-Identifier: Apache-2.0
// schema_test.cc - the schema and the statements keep to the subset of SQL that databases over several servers have:
// docs/formats/verifier-store.md, "The subset of SQL".
#include "vstore/sql/schema.h"

#include <filesystem>
#include <regex>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/file.h"

namespace imakeep::vstore {
namespace schema_test {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

// The words of SQL that are not allowed, in either case.
const char* const kForbidden =
    R"(\b(SERIAL|BIGSERIAL|SEQUENCE|NEXTVAL|IDENTITY\s*\(|GENERATED|AUTOINCREMENT|PG_\w*ADVISORY\w*|LISTEN|NOTIFY|)"
    R"(PG_NOTIFY|TRIGGER|INHERITS|DEFERRABLE|DEFERRED|PREPARE|DEALLOCATE|DECLARE|TEMP|TEMPORARY|SET\s+(SESSION|TIME)|)"
    R"(LOCK\s+TABLE\s+host)\b)";

std::vector<std::string> forbidden_in(const std::string& sql) {
  std::vector<std::string> found;
  const std::regex pattern(kForbidden, std::regex::icase);
  for (std::sregex_iterator at(sql.begin(), sql.end(), pattern), end; at != end; ++at) found.push_back(at->str());
  return found;
}

// The string literals of a C++ source, with a line break between two.
std::string literals_of(const std::string& source) {
  std::string text;
  const std::regex literal(R"re("((?:[^"\\\n]|\\.)*)")re");
  for (std::sregex_iterator at(source.begin(), source.end(), literal), end; at != end; ++at) text += at->str(1) + " ";
  return text;
}

TEST(Schema, HasNothingThatASpreadDatabaseLacks) {
  for (const std::string& step : schema_steps()) EXPECT_THAT(forbidden_in(step), IsEmpty());
}

TEST(Statements, HaveNothingThatASpreadDatabaseLacks) {
  std::size_t files = 0;
  for (const char* const directory : {"sql", "postgres", "sqlite"}) {
    const std::filesystem::path path = std::filesystem::path(IMAKEEP_VSTORE) / directory;
    for (const auto& entry : std::filesystem::directory_iterator(path)) {
      const std::string name = entry.path().string();
      if (!name.ends_with(".cc") || name.ends_with("_test.cc")) continue;
      const auto source = read_file(name);
      ASSERT_TRUE(source);
      EXPECT_THAT(forbidden_in(literals_of(std::string(as_text(*source)))), IsEmpty()) << name;
      ++files;
    }
  }
  EXPECT_GE(files, 6u);
}

TEST(Schema, TheTestFindsWhatIsForbidden) {
  for (const char* const sql : {"id BIGSERIAL", "CREATE SEQUENCE s", "SELECT pg_advisory_xact_lock(1)", "LISTEN c",
                                "CREATE TRIGGER t", "GENERATED ALWAYS AS (1)", "INHERITS (a)", "PREPARE p AS SELECT 1",
                                "DEFERRABLE INITIALLY DEFERRED", "SET SESSION a = 1", "CREATE TEMP TABLE a ()"}) {
    EXPECT_FALSE(forbidden_in(sql).empty()) << sql;
    EXPECT_FALSE(forbidden_in(literals_of("run(\"" + std::string(sql) + "\");")).empty()) << sql;
  }
  EXPECT_THAT(forbidden_in("SELECT identity, listed FROM pg_inherits"), IsEmpty());
}

TEST(Schema, KeysOfTablesAboutHostsBeginWithTheHost) {
  const std::regex table(R"(CREATE TABLE (\w+) \(([^;]*)\)[^;)]*;)");
  std::size_t tables = 0;
  for (const std::string& step : schema_steps()) {
    for (std::sregex_iterator at(step.begin(), step.end(), table), end; at != end; ++at) {
      ++tables;
      const std::string columns = at->str(2);
      EXPECT_THAT(columns, HasSubstr("PRIMARY KEY")) << at->str(1);
      if (columns.find("host_id TEXT") == std::string::npos) continue;
      EXPECT_THAT(columns, HasSubstr("PRIMARY KEY (tenant_id, host_id")) << at->str(1);
      EXPECT_EQ(columns.find("REFERENCES"), std::string::npos) << at->str(1);
    }
  }
  EXPECT_EQ(tables, 12u);
}

TEST(CheckVersion, TakesOlderOnesAndRefusesANewerOne) {
  EXPECT_TRUE(check_version("db", 0, 2));
  EXPECT_TRUE(check_version("db", 2, 2));
  EXPECT_EQ(check_version("db", 3, 2).error().code, ErrorCode::kUnsupported);
  EXPECT_THAT(check_version("db", 3, 2).error().message, HasSubstr("use the newer imakeep"));
  EXPECT_EQ(check_version("db", -1, 2).error().code, ErrorCode::kMalformed);
}

}  // namespace schema_test
}  // namespace imakeep::vstore
