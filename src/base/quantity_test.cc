// SPDX-License-Identifier: Apache-2.0
#include "base/quantity.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace imakeep {
namespace quantity_test {

using testing::HasSubstr;
using testing::StartsWith;

constexpr std::uint64_t kMost = std::numeric_limits<std::uint64_t>::max();

template <class Value>
std::string refusal(const Result<Value>& parsed) {
  if (parsed) return "accepted as " + std::to_string(*parsed);
  EXPECT_EQ(parsed.error().code, ErrorCode::kUsage);
  return parsed.error().message;
}

TEST(ParseCount, TakesDecimalDigitsUpToTheLargestNumber) {
  EXPECT_EQ(parse_count("0").value(), 0u);
  EXPECT_EQ(parse_count("50").value(), 50u);
  EXPECT_EQ(parse_count("18446744073709551615").value(), kMost);
}

TEST(ParseCount, RefusesWhatDoesNotFitInsteadOfWrapping) {
  EXPECT_EQ(refusal(parse_count("18446744073709551616")),
            "'18446744073709551616' is too large; give a whole number from 0 to 18446744073709551615");
  EXPECT_THAT(refusal(parse_count(std::string(400, '9'))), HasSubstr("is too large"));
}

TEST(ParseCount, RefusesALeadingZeroWhichSomeReadAsOctal) {
  for (const char* text : {"050", "00", "01", "000000000000000000000000"}) {
    EXPECT_THAT(refusal(parse_count(text)), StartsWith("'" + std::string(text) + "' has a leading zero;"));
  }
}

TEST(ParseCount, RefusesSignsBlanksAndEverythingThatIsNoDigit) {
  for (const char* text : {"", " ", "-1", "+1", "-0", "1 ", " 1", "1.0", "1e3", "0x10", "1,000", "1'000", "10k", "{}",
                           "\xd9\xa3", "ten"}) {
    EXPECT_THAT(refusal(parse_count(text)), StartsWith("'" + std::string(text) + "' is not a count;"));
  }
}

TEST(ParseCount, RefusesWhatIsOutsideTheRangeAndNamesTheRange) {
  constexpr CountRange kPercent{.min = 1, .max = 100};
  EXPECT_EQ(parse_count("1", kPercent).value(), 1u);
  EXPECT_EQ(parse_count("100", kPercent).value(), 100u);
  EXPECT_EQ(refusal(parse_count("0", kPercent)), "'0' is too small; give a whole number from 1 to 100");
  EXPECT_EQ(refusal(parse_count("101", kPercent)), "'101' is too large; give a whole number from 1 to 100");
}

TEST(ParseDuration, TakesEachUnit) {
  EXPECT_EQ(parse_duration_ms("500ms").value(), 500);
  EXPECT_EQ(parse_duration_ms("60s").value(), 60'000);
  EXPECT_EQ(parse_duration_ms("5m").value(), 300'000);
  EXPECT_EQ(parse_duration_ms("5min").value(), 300'000);
  EXPECT_EQ(parse_duration_ms("1h").value(), 3'600'000);
  EXPECT_EQ(parse_duration_ms("2d").value(), 172'800'000);
  EXPECT_EQ(parse_duration_ms("3w").value(), 21 * 86'400'000ll);
}

TEST(ParseDuration, OnlyZeroNeedsNoUnit) {
  EXPECT_EQ(parse_duration_ms("0").value(), 0);
  EXPECT_EQ(parse_duration_ms("0s").value(), 0);
  EXPECT_EQ(refusal(parse_duration_ms("90")),
            "'90' has no unit; give a number with ms, s, m, min, h, d or w, such as 90d");
  EXPECT_THAT(refusal(parse_duration_ms("00")), HasSubstr("has no unit"));
}

TEST(ParseDuration, AUnitAloneIsNotOneOfIt) {
  for (const char* text : {"d", "ms", "min"}) {
    EXPECT_THAT(refusal(parse_duration_ms(text)), StartsWith("'" + std::string(text) + "' has no number;"));
  }
}

TEST(ParseDuration, RefusesWhatIsNoDuration) {
  for (const char* text : {"", "-5s", "+5s", "1.5h", ".5h", "5M", "5D", "60 s", "60s ", " 60s", "60 s s", "1h30m",
                           "five", "5s ago", "5years", "0x1h"}) {
    EXPECT_THAT(refusal(parse_duration_ms(text)), StartsWith("'" + std::string(text) + "' is not a duration;"));
  }
  EXPECT_THAT(refusal(parse_duration_ms("050s")), HasSubstr("has a leading zero"));
}

TEST(ParseDuration, RefusesMoreThanAThousandYears) {
  EXPECT_EQ(parse_duration_ms("365000d").value(), 31'536'000'000'000);
  for (const char* text : {"365001d", "31536000000001ms", "99999999999d", "9223372036854775807h",
                           "18446744073709551615ms", "18446744073709551616ms"}) {
    EXPECT_THAT(refusal(parse_duration_ms(text)), HasSubstr("is too large"));
  }
}

TEST(ParseSize, TakesBytesWithAndWithoutUnit) {
  EXPECT_EQ(parse_size_bytes("0").value(), 0u);
  EXPECT_EQ(parse_size_bytes("4096").value(), 4096u);
  EXPECT_EQ(parse_size_bytes("4096B").value(), 4096u);
  EXPECT_EQ(parse_size_bytes("18446744073709551615").value(), kMost);
}

TEST(ParseSize, TakesEachUnitOf1000) {
  std::uint64_t factor = 1;
  for (const char* unit : {"K", "M", "G", "T", "P", "E"}) {
    factor *= 1000;
    EXPECT_EQ(parse_size_bytes("7" + std::string(unit)).value(), 7 * factor);
    EXPECT_EQ(parse_size_bytes("7" + std::string(unit) + "B").value(), 7 * factor);
  }
}

TEST(ParseSize, TakesEachUnitOf1024) {
  std::uint64_t factor = 1;
  for (const char* unit : {"Ki", "Mi", "Gi", "Ti", "Pi", "Ei"}) {
    factor *= 1024;
    EXPECT_EQ(parse_size_bytes("7" + std::string(unit)).value(), 7 * factor);
    EXPECT_EQ(parse_size_bytes("7" + std::string(unit) + "B").value(), 7 * factor);
  }
}

TEST(ParseSize, CaseOfTheUnitDoesNotMatter) {
  EXPECT_EQ(parse_size_bytes("64mb").value(), 64'000'000u);
  EXPECT_EQ(parse_size_bytes("2gib").value(), 2ull << 30);
  EXPECT_EQ(parse_size_bytes("2GIB").value(), 2ull << 30);
}

TEST(ParseSize, AUnitAloneIsNotOneOfIt) {
  EXPECT_EQ(
      refusal(parse_size_bytes("MB")),
      "'MB' has no number; give bytes, or a whole number with KB, MB, GB (of 1000) or KiB, MiB, GiB (of 1024), such "
      "as 64MB");
}

TEST(ParseSize, RefusesWhatIsNoSize) {
  for (const char* text :
       {"", "-1", "+1", "lots", "1.5MB", "64 MB", "64MB ", "5 apples", "5Kx", "5KiBs", "5iB", "5BB", "{}"}) {
    EXPECT_THAT(refusal(parse_size_bytes(text)), StartsWith("'" + std::string(text) + "' is not a size;"));
  }
  EXPECT_THAT(refusal(parse_size_bytes("050MB")), HasSubstr("has a leading zero"));
}

TEST(ParseSize, RefusesWhatDoesNotFitInsteadOfWrapping) {
  EXPECT_EQ(parse_size_bytes("15EiB").value(), 15ull << 60);
  for (const char* text : {"16EiB", "19EB", "99999999999GB", "18446744073709551616", "18446744073709551615K"}) {
    EXPECT_THAT(refusal(parse_size_bytes(text)), HasSubstr("is too large"));
  }
}

}  // namespace quantity_test
}  // namespace imakeep
