// SPDX-License-Identifier: Apache-2.0
#include "conformance/report.h"

#include <algorithm>
#include <array>

#include <nlohmann/json.hpp>

#include "base/text.h"

namespace imakeep::conformance {

namespace {

constexpr std::array kStatuses{CheckStatus::kPass, CheckStatus::kFail, CheckStatus::kSkip, CheckStatus::kExempt};

std::string padded(std::string text, std::size_t columns) {
  text.resize(std::max(text.size(), columns), ' ');
  return text;
}

}  // namespace

std::size_t Report::count(CheckStatus status) const {
  return static_cast<std::size_t>(std::ranges::count(results, status, &CheckResult::status));
}

std::string_view status_name(CheckStatus status) {
  switch (status) {
    case CheckStatus::kPass:
      return "pass";
    case CheckStatus::kFail:
      return "fail";
    case CheckStatus::kSkip:
      return "skip";
    case CheckStatus::kExempt:
      return "exempt";
  }
  return "";
}

std::string render_line(const CheckResult& result) {
  std::string line = padded(std::string(status_name(result.status)), 7) + padded(result.id, 44) + " " + result.title;
  if (result.status != CheckStatus::kSkip) line += ": expected " + result.expected + ", found " + result.found;
  if (!result.reason.empty()) line += " (" + result.reason + ")";
  return printable(line);  // may hold a path, which may contain any byte
}

std::string render_heading(const Report& report) {
  std::string banks;
  for (const std::string& bank : report.banks) banks += (banks.empty() ? "" : " ") + bank;
  return report.ima_dir + (report.on_fuse ? " (FUSE)" : "") + ": banks " + banks +
         (report.has_staging ? ", with staging" : ", without staging") + "\n";
}

std::string render_totals(const Report& report) {
  std::string line = std::to_string(report.results.size()) + " checks:";
  for (const CheckStatus status : kStatuses) {
    line += " " + std::to_string(report.count(status)) + " " + std::string(status_name(status));
  }
  return line + "; hash table: " + report.table + "\n";
}

std::string render_text(const Report& report) {
  std::string text = render_heading(report);
  for (const CheckResult& result : report.results) text += render_line(result) + "\n";
  return text + render_totals(report);
}

std::string render_json(const Report& report) {
  nlohmann::json totals;
  for (const CheckStatus status : kStatuses) totals[std::string(status_name(status))] = report.count(status);
  nlohmann::json checks = nlohmann::json::array();
  for (const CheckResult& result : report.results) {
    checks.push_back({{"id", result.id},
                      {"title", result.title},
                      {"status", status_name(result.status)},
                      {"expected", result.expected},
                      {"found", result.found},
                      {"reason", result.reason}});
  }
  const nlohmann::json whole = {
      {"ima_dir", report.ima_dir}, {"on_fuse", report.on_fuse}, {"staging", report.has_staging},
      {"table", report.table},     {"banks", report.banks},     {"totals", totals},
      {"checks", checks}};
  // Replace bytes that are not valid UTF-8, so that such a name does not prevent the report.
  return whole.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

}  // namespace imakeep::conformance
