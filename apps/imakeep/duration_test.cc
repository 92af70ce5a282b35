#include "duration.h"

#include <gtest/gtest.h>

namespace imakeep::app {
namespace {

TEST(ParseDuration, TakesEachUnit) {
  EXPECT_EQ(parse_duration("500ms").value(), 500);
  EXPECT_EQ(parse_duration("60s").value(), 60'000);
  EXPECT_EQ(parse_duration("5m").value(), 300'000);
  EXPECT_EQ(parse_duration("1h").value(), 3'600'000);
  EXPECT_EQ(parse_duration("2d").value(), 172'800'000);
}

TEST(ParseDuration, ZeroNeedsNoUnit) {
  EXPECT_EQ(parse_duration("0").value(), 0);
  EXPECT_EQ(parse_duration("0s").value(), 0);
}

TEST(ParseDuration, RefusesWhatIsNoLengthOfTime) {
  for (const char* text : {"", "60", "s", "-5s", "1.5h", "5M", "60 s s", "1h30m", "five", "99999999999d",
                           "9223372036854775807h", "5s ago"}) {
    const auto parsed = parse_duration(text);
    ASSERT_FALSE(parsed) << text;
    EXPECT_EQ(parsed.error().code, ErrorCode::kUsage);
    EXPECT_NE(parsed.error().message.find("60s"), std::string::npos);
  }
}

TEST(ParseSize, TakesBytesAndUnits) {
  EXPECT_EQ(parse_size("0").value(), 0u);
  EXPECT_EQ(parse_size("4096").value(), 4096u);
  EXPECT_EQ(parse_size("500KB").value(), 500'000u);
  EXPECT_EQ(parse_size("64MB").value(), 64'000'000u);
  EXPECT_EQ(parse_size("2GiB").value(), 2ull << 30);
}

TEST(ParseSize, RefusesWhatIsNoSize) {
  for (const char* text : {"", "-1", "MB", "lots", "1.5MB", "5 apples", "99999999999GB"}) {
    const auto parsed = parse_size(text);
    ASSERT_FALSE(parsed) << text;
    EXPECT_EQ(parsed.error().code, ErrorCode::kUsage);
  }
}

}  // namespace
}  // namespace imakeep::app
