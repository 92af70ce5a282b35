// SPDX-License-Identifier: Apache-2.0
#include "query/times.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <optional>

#include "base/quantity.h"
#include "base/text.h"

namespace imakeep::query {
namespace {

using std::chrono::days;
using std::chrono::seconds;
using std::chrono::sys_days;
using std::chrono::sys_seconds;

constexpr std::int64_t kFirstSecond = -62'167'219'200;  // of the year 0
constexpr std::int64_t kLastSecond = 253'402'300'799;   // of the year 9999

// Takes exactly `count` digits off the front.
std::optional<int> take_digits(std::string_view& text, std::size_t count) {
  if (text.size() < count) return std::nullopt;
  int value = 0;
  for (const char c : text.substr(0, count)) {
    if (c < '0' || c > '9') return std::nullopt;
    value = value * 10 + (c - '0');
  }
  text.remove_prefix(count);
  return value;
}

bool take_one_of(std::string_view& text, std::string_view characters) {
  if (text.empty() || characters.find(text.front()) == std::string_view::npos) return false;
  text.remove_prefix(1);
  return true;
}

// "17:05" or "17:05:03"
std::optional<std::int64_t> take_clock(std::string_view& text) {
  const auto hour = take_digits(text, 2);
  if (!hour || *hour > 23 || !take_one_of(text, ":")) return std::nullopt;
  const auto minute = take_digits(text, 2);
  if (!minute || *minute > 59) return std::nullopt;
  int second = 0;
  if (take_one_of(text, ":")) {
    const auto given = take_digits(text, 2);
    if (!given || *given > 59) return std::nullopt;
    second = *given;
  }
  return (*hour * 60 + *minute) * 60 + second;
}

// "Z", "+02:00", or nothing: seconds east of UTC.
std::optional<std::int64_t> take_zone(std::string_view text) {
  if (text.empty() || text == "Z" || text == "z") return 0;
  const bool west = text.front() == '-';
  if (!take_one_of(text, "+-")) return std::nullopt;
  const auto offset = take_clock(text);
  if (!offset || !text.empty()) return std::nullopt;
  return west ? -*offset : *offset;
}

std::optional<std::int64_t> date_time(std::string_view text) {
  const auto year = take_digits(text, 4);
  if (!year || !take_one_of(text, "-")) return std::nullopt;
  const auto month = take_digits(text, 2);
  if (!month || !take_one_of(text, "-")) return std::nullopt;
  const auto day = take_digits(text, 2);
  if (!day) return std::nullopt;
  const std::chrono::year_month_day date(std::chrono::year(*year), std::chrono::month(static_cast<unsigned>(*month)),
                                         std::chrono::day(static_cast<unsigned>(*day)));
  if (!date.ok()) return std::nullopt;
  const std::int64_t start = sys_seconds(sys_days(date)).time_since_epoch().count();
  if (text.empty()) return start;
  if (!take_one_of(text, "Tt ")) return std::nullopt;
  const auto clock = take_clock(text);
  if (!clock) return std::nullopt;
  const auto zone = take_zone(text);
  if (!zone) return std::nullopt;
  return start + *clock - *zone;
}

}  // namespace

std::string rfc3339(std::int64_t unix_s) {
  const sys_seconds time(seconds(std::clamp(unix_s, kFirstSecond, kLastSecond)));
  const auto day = std::chrono::floor<days>(time);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss clock(time - day);
  char text[32];
  std::snprintf(text, sizeof text, "%04d-%02u-%02uT%02d:%02d:%02dZ", static_cast<int>(date.year()),
                static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                static_cast<int>(clock.hours().count()), static_cast<int>(clock.minutes().count()),
                static_cast<int>(clock.seconds().count()));
  return text;
}

Result<std::int64_t> parse_time(std::string_view text, std::int64_t now_s) {
  if (text.starts_with('@')) {
    const auto unix_s = parse_count(text.substr(1), {.max = static_cast<std::uint64_t>(kLastSecond)});
    if (unix_s) return static_cast<std::int64_t>(*unix_s);
  } else if (const auto time = date_time(text)) {
    return *time;
  } else if (const auto ago_ms = parse_duration_ms(text)) {
    return now_s - *ago_ms / 1000;
  }
  return fail(ErrorCode::kUsage, "\"" + printable(text) +
                                     "\" is no time; give 2026-11-30, 2026-11-30T17:05:03Z, @1796000000, or how long "
                                     "ago, such as 90d or 12h");
}

}  // namespace imakeep::query
