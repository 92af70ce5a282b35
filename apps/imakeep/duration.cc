#include "duration.h"

#include <map>

#include <CLI/CLI.hpp>

namespace imakeep::app {
namespace {

// Replaces the text by its number in the smallest unit. CLI11 says by an exception that it cannot.
bool convert(const CLI::Validator& units, std::string& text) {
  if (text.empty() || text.front() < '0' || text.front() > '9') return false;
  try {
    return units(text).empty();
  } catch (const CLI::Error&) {
    return false;
  }
}

}  // namespace

Result<std::uint64_t> parse_size(std::string text) {
  const std::string given = text;
  std::uint64_t bytes = 0;
  if (!convert(CLI::AsSizeValue(true), text) || !CLI::detail::lexical_cast(text, bytes)) {
    return fail(ErrorCode::kUsage, "'" + given + "' is no size; write bytes, or 500KB, 64MB, 2GiB");
  }
  return bytes;
}

Result<std::int64_t> parse_duration(std::string text) {
  constexpr std::int64_t kDayMs = 86'400'000;
  if (text == "0") return 0;
  static const CLI::AsNumberWithUnit units(
      std::map<std::string, std::int64_t>{{"ms", 1}, {"s", 1000}, {"m", 60'000}, {"h", 3'600'000}, {"d", kDayMs}},
      CLI::AsNumberWithUnit::Options(CLI::AsNumberWithUnit::CASE_SENSITIVE | CLI::AsNumberWithUnit::UNIT_REQUIRED));
  const std::string given = text;
  std::int64_t ms = 0;
  const bool number = convert(units, text) && CLI::detail::lexical_cast(text, ms);
  if (!number || ms > 365'000 * kDayMs) {
    return fail(ErrorCode::kUsage, "'" + given + "' is no length of time; write 500ms, 60s, 5m, 1h or 1d");
  }
  return ms;
}

}  // namespace imakeep::app
