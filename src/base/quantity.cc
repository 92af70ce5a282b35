// SPDX-License-Identifier: Apache-2.0
#include "base/quantity.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <string>

namespace imakeep {
namespace {

constexpr std::int64_t kDayMs = 86'400'000;
constexpr std::uint64_t kMaxDurationMs = 1000ull * 365 * kDayMs;

struct Unit {
  std::string_view name;
  std::uint64_t factor;
};

constexpr std::array kDurationUnits{Unit{"ms", 1},        Unit{"s", 1000},   Unit{"m", 60'000},    Unit{"min", 60'000},
                                    Unit{"h", 3'600'000}, Unit{"d", kDayMs}, Unit{"w", 7 * kDayMs}};

constexpr const char* kDurationsAccepted = "give a number with ms, s, m, min, h, d or w, such as 90d";
constexpr const char* kSizesAccepted =
    "give bytes, or a whole number with KB, MB, GB (of 1000) or KiB, MiB, GiB (of 1024), such as 64MB";

struct Parts {
  std::string_view digits;
  std::string_view unit;  // everything after the digits
};

Parts split(std::string_view text) {
  const std::size_t digits = std::min(text.find_first_not_of("0123456789"), text.size());
  return {.digits = text.substr(0, digits), .unit = text.substr(digits)};
}

tl::unexpected<Error> refused(std::string_view text, const std::string& fault, const std::string& accepted) {
  return fail(ErrorCode::kUsage, "'" + std::string(text) + "' " + fault + "; " + accepted);
}

// Returns the number in the digits times `factor`. Fails if the product exceeds `max`. `text` and `accepted` are for
// the error message.
Result<std::uint64_t> scaled(std::string_view text, const Parts& parts, std::uint64_t factor, std::uint64_t max,
                             const std::string& accepted) {
  if (parts.digits.empty()) return refused(text, "has no number", accepted);
  if (parts.digits.size() > 1 && parts.digits.front() == '0') return refused(text, "has a leading zero", accepted);
  std::uint64_t number = 0;
  const auto [end, failed] = std::from_chars(parts.digits.data(), parts.digits.data() + parts.digits.size(), number);
  if (failed != std::errc() || number > max / factor) return refused(text, "is too large", accepted);
  return number * factor;
}

std::optional<std::uint64_t> duration_factor(std::string_view unit) {
  const auto* const found = std::ranges::find(kDurationUnits, unit, &Unit::name);
  if (found == kDurationUnits.end()) return std::nullopt;
  return found->factor;
}

std::optional<std::uint64_t> size_factor(std::string_view unit) {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; };
  std::string name(unit);
  std::ranges::transform(name, name.begin(), lower);
  if (name.empty() || name == "b") return 1;
  const std::size_t power = std::string_view("kmgtpe").find(name.front());
  if (power == std::string_view::npos) return std::nullopt;
  const std::string after = name.substr(1);
  const bool of_1000 = after.empty() || after == "b";
  const bool of_1024 = after == "i" || after == "ib";
  if (!of_1000 && !of_1024) return std::nullopt;
  const std::uint64_t base = of_1000 ? 1000 : 1024;
  std::uint64_t factor = base;
  for (std::size_t i = 0; i < power; ++i) factor *= base;
  return factor;
}

}  // namespace

Result<std::uint64_t> parse_count(std::string_view text, CountRange range) {
  const std::string accepted =
      "give a whole number from " + std::to_string(range.min) + " to " + std::to_string(range.max);
  const Parts parts = split(text);
  if (parts.digits.empty() || !parts.unit.empty()) return refused(text, "is not a count", accepted);
  auto count = scaled(text, parts, 1, std::numeric_limits<std::uint64_t>::max(), accepted);
  if (!count) return unexpected(count.error());
  if (*count < range.min) return refused(text, "is too small", accepted);
  if (*count > range.max) return refused(text, "is too large", accepted);
  return count;
}

Result<std::int64_t> parse_duration_ms(std::string_view text) {
  if (text == "0") return 0;
  const Parts parts = split(text);
  if (!parts.digits.empty() && parts.unit.empty()) return refused(text, "has no unit", kDurationsAccepted);
  const auto factor = duration_factor(parts.unit);
  if (!factor) return refused(text, "is not a duration", kDurationsAccepted);
  IMAKEEP_TRY(const auto& ms, scaled(text, parts, *factor, kMaxDurationMs, kDurationsAccepted));
  return static_cast<std::int64_t>(ms);
}

Result<std::uint64_t> parse_size_bytes(std::string_view text) {
  const Parts parts = split(text);
  const auto factor = text.empty() ? std::nullopt : size_factor(parts.unit);
  if (!factor) return refused(text, "is not a size", kSizesAccepted);
  return scaled(text, parts, *factor, std::numeric_limits<std::uint64_t>::max(), kSizesAccepted);
}

}  // namespace imakeep
