// SPDX-License-Identifier: Apache-2.0
#include "verifieradmin/tables.h"

#include <algorithm>
#include <ctime>
#include <span>
#include <vector>

#include "base/text.h"
#include "jsontext/json_text.h"

namespace imakeep::verifieradmin {
namespace {

using Json = nlohmann::json;

constexpr const char* kAnswer = "the verifier's answer";

struct Column {
  const char* title;
  const char* member;
};

constexpr Column kTenantColumns[] = {{"TENANT", "tenant"}, {"CREATED", "created_unix_s"}, {"DISABLED", "disabled"}};
constexpr Column kHostColumns[] = {
    {"HOST", "host"}, {"STATUS", "status"}, {"N", "n"}, {"SEEN", "seen_unix_s"}, {"POLICIES", "policy_list"}};
constexpr Column kPolicyColumns[] = {{"DIGEST", "digest"}, {"BYTES", "bytes"}, {"CREATED", "created_unix_s"}};
constexpr Column kFindingColumns[] = {{"HOST", "host"},         {"STATE", "state"}, {"RECORD", "record"},
                                      {"REASON", "reason"},     {"COUNT", "count"}, {"LAST SEEN", "last_seen_unix_s"},
                                      {"IDENTITY", "identity"}, {"PATH", "path"}};
constexpr Column kHistoryColumns[] = {{"AT", "at_unix_s"}, {"OUTCOME", "outcome"},
                                      {"CHAIN", "chain"},  {"FIRST", "first"},
                                      {"N", "n"},          {"FINDINGS", "findings"}};
constexpr Column kTokenColumns[] = {
    {"NAME", "name"}, {"ROLE", "role"}, {"UNTIL", "until_unix_s"}, {"USES LEFT", "uses_left"}, {"ID", "id"}};

// "2026-01-31 12:00:00Z"; "-" for none.
std::string time_text(const Json& value) {
  if (!value.is_number_integer() || value.get<std::int64_t>() <= 0) return "-";
  const auto seconds = static_cast<std::time_t>(value.get<std::int64_t>());
  std::tm parts{};
  char room[64];
  if (::gmtime_r(&seconds, &parts) == nullptr) return value.dump();
  const std::size_t size = std::strftime(room, sizeof room, "%Y-%m-%d %H:%M:%SZ", &parts);
  return {room, size};
}

std::string cell(const Json& row, std::string_view member) {
  const auto value = row.find(member);
  if (value == row.end()) return "-";
  if (member.ends_with("unix_s")) return time_text(*value);
  if (value->is_boolean()) return value->get<bool>() ? "yes" : "no";
  const std::string text =
      value->is_string() ? value->get<std::string>() : value->dump(-1, ' ', false, Json::error_handler_t::replace);
  return text.empty() ? "-" : printable(text);
}

std::string aligned(const std::vector<std::vector<std::string>>& lines) {
  std::vector<std::size_t> widths(lines.front().size());
  for (const auto& line : lines) {
    for (std::size_t i = 0; i < line.size(); ++i) widths[i] = std::max(widths[i], line[i].size());
  }
  std::string text;
  for (const auto& line : lines) {
    for (std::size_t i = 0; i < line.size(); ++i) {
      text += line[i];
      if (i + 1 < line.size()) text.append(widths[i] - line[i].size() + 2, ' ');
    }
    text += '\n';
  }
  return text;
}

Result<std::string> table(const Json& answer, const char* rows, std::span<const Column> columns) {
  IMAKEEP_TRY(const auto* const array, jsontext::Members(answer, kAnswer).array(rows));
  std::vector<std::vector<std::string>> lines(1);
  for (const Column& column : columns) lines[0].emplace_back(column.title);
  for (const Json& row : *array) {
    if (!row.is_object()) return fail(ErrorCode::kMalformed, std::string(kAnswer) + ": a row is no object");
    std::vector<std::string>& line = lines.emplace_back();
    for (const Column& column : columns) line.push_back(cell(row, column.member));
  }
  return aligned(lines);
}

// One member a line.
std::string members_text(const Json& answer) {
  std::vector<std::vector<std::string>> lines;
  for (const auto& [name, value] : answer.items()) {
    std::string title = printable(name);
    if (title.ends_with("_unix_s")) title.resize(title.size() - std::string_view("_unix_s").size());
    lines.push_back({title + ":", cell(answer, name)});
  }
  return lines.empty() ? "" : aligned(lines);
}

Result<std::string> list_text(const Json& answer) {
  const jsontext::Members members(answer, kAnswer);
  IMAKEEP_TRY(const auto& list, members.text("list"));
  IMAKEEP_TRY(const auto version, members.count("version"));
  IMAKEEP_TRY(const auto* const policies, members.array("policies"));
  std::string text = "list " + printable(list) + ", version " + std::to_string(version) + "\n";
  for (const Json& digest : *policies) {
    if (digest.is_string()) text += printable(digest.get_ref<const std::string&>()) + "\n";
  }
  return text;
}

}  // namespace

Result<std::string> text_of(View view, std::string_view json) {
  IMAKEEP_TRY(const Json answer, jsontext::read_object(json, kAnswer));
  const jsontext::Members members(answer, kAnswer);
  switch (view) {
    case View::kTenants:
      return table(answer, "tenants", kTenantColumns);
    case View::kHosts:
      return table(answer, "hosts", kHostColumns);
    case View::kPolicies:
      return table(answer, "policies", kPolicyColumns);
    case View::kFindings:
      return table(answer, "findings", kFindingColumns);
    case View::kHistory:
      return table(answer, "history", kHistoryColumns);
    case View::kTokens:
      return table(answer, "tokens", kTokenColumns);
    case View::kPolicyList:
      return list_text(answer);
    case View::kHost:
      return members_text(answer);
    case View::kPolicy: {
      IMAKEEP_TRY(const auto& digest, members.text("digest"));
      return printable(digest) + "\n";
    }
    case View::kNewToken: {
      // Alone, so that a file of the output is a token file.
      IMAKEEP_TRY(const auto& token, members.text("token"));
      return printable(token) + "\n";
    }
    case View::kRotated: {
      IMAKEEP_TRY(const auto overlap_s, members.count("overlap_s"));
      return "new keys are used; the ones before retire in " + std::to_string(overlap_s) + " s\n";
    }
    case View::kDone:
      break;
  }
  return std::string();
}

Result<std::string> indented(std::string_view json) {
  IMAKEEP_TRY(const Json answer, jsontext::read_value(json, kAnswer));
  return answer.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace imakeep::verifieradmin
