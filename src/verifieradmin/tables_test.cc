// SPDX-License-Identifier: Apache-2.0
#include "verifieradmin/tables.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace imakeep::verifieradmin {
namespace tables_test {

using ::testing::HasSubstr;

std::string text(View view, std::string_view json) {
  const auto made = text_of(view, json);
  return made ? *made : "error: " + made.error().message;
}

TEST(Tables, AlignTheirColumns) {
  EXPECT_EQ(text(View::kTenants, R"({"tenants": [{"tenant": "a-long-name", "created_unix_s": 0, "disabled": true},
                                                 {"tenant": "b", "created_unix_s": 1800000000, "disabled": false}]})"),
            "TENANT       CREATED               DISABLED\n"
            "a-long-name  -                     yes\n"
            "b            2027-01-15 08:00:00Z  no\n");
  EXPECT_EQ(text(View::kTokens, R"({"tokens": []})"), "NAME  ROLE  UNTIL  USES LEFT  ID\n");
}

TEST(Tables, ShowNothingThatMovesACursor) {
  EXPECT_THAT(text(View::kHosts, R"({"hosts": [{"host": "a\u001b[2J"}]})"), HasSubstr(R"(a\x1b[2J)"));
  EXPECT_THAT(text(View::kHost, R"({"a\u001b": "\n"})"), HasSubstr(R"(a\x1b:  \x0a)"));
}

TEST(Tables, PrintATokenAndADigestAlone) {
  EXPECT_EQ(text(View::kNewToken, R"({"token": "abc", "id": "00"})"), "abc\n");
  EXPECT_EQ(text(View::kPolicy, R"({"digest": "00ff", "bytes": 1})"), "00ff\n");
  EXPECT_EQ(text(View::kDone, "{}"), "");
}

TEST(Tables, PrintAList) {
  EXPECT_EQ(text(View::kPolicyList, R"({"list": "servers", "version": 3, "policies": ["aa", "bb"]})"),
            "list servers, version 3\naa\nbb\n");
}

TEST(Tables, RefuseWhatIsNoAnswer) {
  for (const char* const bad : {"", "[]", "{}", R"({"hosts": 1})", R"({"hosts": [1]})"}) {
    EXPECT_THAT(text(View::kHosts, bad), ::testing::StartsWith("error: ")) << bad;
  }
  EXPECT_FALSE(text_of(View::kNewToken, "{}"));
  EXPECT_FALSE(indented("{"));
}

TEST(Indented, IsTheSameJson) {
  EXPECT_EQ(*indented(R"({"a":[1]})"), "{\n  \"a\": [\n    1\n  ]\n}\n");
}

}  // namespace tables_test
}  // namespace imakeep::verifieradmin
