// SPDX-License-Identifier: Apache-2.0
#include "query/times.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace imakeep::query {
namespace times_test {

constexpr std::int64_t kTime = 1'796'058'303;  // 2026-11-30T17:05:03Z, by date(1)

std::int64_t read(std::string_view text) {
  const auto time = parse_time(text, kTime);
  EXPECT_TRUE(time) << text;
  return time.value_or(-1);
}

TEST(Rfc3339, IsUtc) {
  EXPECT_EQ(rfc3339(kTime), "2026-11-30T17:05:03Z");
  EXPECT_EQ(rfc3339(0), "1970-01-01T00:00:00Z");
  EXPECT_EQ(rfc3339(-1), "1969-12-31T23:59:59Z");
  EXPECT_EQ(rfc3339(951'782'400), "2000-02-29T00:00:00Z");
  EXPECT_EQ(rfc3339(std::numeric_limits<std::int64_t>::max()), "9999-12-31T23:59:59Z");
}

TEST(ParseTime, ReadsWhatRfc3339Gives) {
  for (const std::int64_t time : {kTime, std::int64_t{0}, std::int64_t{-1}, std::int64_t{4'102'444'799}}) {
    EXPECT_EQ(read(rfc3339(time)), time);
  }
}

TEST(ParseTime, ReadsEachForm) {
  EXPECT_EQ(read("2026-11-30 17:05:03"), kTime);
  EXPECT_EQ(read("2026-11-30T19:05:03+02:00"), kTime);
  EXPECT_EQ(read("2026-11-30t12:35:03-04:30"), kTime);
  EXPECT_EQ(read("2026-11-30T17:05z"), kTime - 3);
  EXPECT_EQ(read("2026-11-30"), kTime - 17 * 3600 - 5 * 60 - 3);
  EXPECT_EQ(read("@1796058303"), kTime);
  EXPECT_EQ(read("90d"), kTime - 90 * 86400);
  EXPECT_EQ(read("12h"), kTime - 12 * 3600);
  EXPECT_EQ(read("0"), kTime);
}

TEST(ParseTime, RefusesAnyOtherText) {
  for (const char* text : {"", "yesterday", "2026", "2026-13-01", "2026-02-29", "2026-11-30T", "2026-11-30T24:00",
                           "2026-11-30T17:60", "2026-11-30T17:05:60", "2026-11-30T17:05:03X", "2026-11-30T17:05:03+2",
                           "2026-11-30T17:05:03+02:00x", "2026-1-1", "@", "@-1", "@99999999999999", "12", "-5h"}) {
    const auto time = parse_time(text, kTime);
    ASSERT_FALSE(time) << text;
    EXPECT_EQ(time.error().code, ErrorCode::kUsage);
    EXPECT_THAT(time.error().message, ::testing::HasSubstr(std::string("\"") + text + "\" is no time"));
  }
}

}  // namespace times_test
}  // namespace imakeep::query
