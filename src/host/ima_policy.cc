// SPDX-License-Identifier: Apache-2.0
#include "host/ima_policy.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <sstream>

namespace imakeep::host {
namespace {

std::optional<std::string_view> value_of(const PolicyRule& rule, std::string_view name) {
  for (const std::string_view condition : rule.conditions) {
    if (condition.starts_with(name) && condition.substr(name.size()).starts_with('=')) {
      return condition.substr(name.size() + 1);
    }
  }
  return std::nullopt;
}

std::optional<std::uint64_t> number(std::string_view text, int base) {
  if (base == 16 && (text.starts_with("0x") || text.starts_with("0X"))) text.remove_prefix(2);
  std::uint64_t value = 0;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (failed != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// Whether the rule measures files of this owner when they are opened for reading or writing. Ignores conditions on the
// process that opens them, because some process may meet them at any time.
bool measures_opened_files(const PolicyRule& rule, uid_t owner) {
  if (rule.action != "measure") return false;
  if (const auto of = value_of(rule, "fowner"); of && number(*of, 10) != owner) return false;
  const std::string_view function = value_of(rule, "func").value_or("FILE_CHECK");
  const std::string_view mask = value_of(rule, "mask").value_or("");
  // PATH_CHECK is the older name of FILE_CHECK.
  return (function == "FILE_CHECK" || function == "PATH_CHECK") && !mask.ends_with("MAY_EXEC");
}

// Whether the rule applies to files on FUSE.
bool is_of_fuse(const PolicyRule& rule) {
  const auto magic = value_of(rule, "fsmagic");
  const auto name = value_of(rule, "fsname");
  return (!magic || number(*magic, 16) == kFuseMagic) && (!name || *name == "fuse");
}

bool measures_view(const PolicyRule& rule, uid_t owner) {
  return measures_opened_files(rule, owner) && is_of_fuse(rule);
}

// The archive is not on FUSE; the type of its file system is not known here.
bool measures_archive(const PolicyRule& rule, uid_t owner) {
  const bool of_one = value_of(rule, "fsmagic").has_value() || value_of(rule, "fsname").has_value();
  return measures_opened_files(rule, owner) && !(of_one && is_of_fuse(rule));
}

// Whether the rule is a dont_measure with `name`=`value` as its only condition. With further conditions, some of these
// files would still be measured.
bool exempts(const PolicyRule& rule, std::string_view name, std::uint64_t value, int base) {
  if (rule.action != "dont_measure" || rule.conditions.size() != 1) return false;
  const auto found = value_of(rule, name);
  return found && number(*found, base) == value;
}

// Source: policy_tokens in ima_policy.c.
bool is_action(std::string_view word) {
  constexpr std::array<std::string_view, 8> kActions = {"measure", "dont_measure", "appraise", "dont_appraise",
                                                        "audit",   "dont_audit",   "hash",     "dont_hash"};
  return std::ranges::find(kActions, word) != kActions.end();
}

// NAME=VALUE, NAME<VALUE, NAME>VALUE, or permit_directio, the only flag.
bool is_condition(std::string_view word) {
  if (word == "permit_directio") return true;
  const std::size_t name = std::min(word.find_first_not_of("abcdefghijklmnopqrstuvwxyz_"), word.size());
  return name > 0 && name + 1 < word.size() && std::string_view("=<>").find(word[name]) != std::string_view::npos;
}

}  // namespace

std::optional<std::size_t> first_line_that_is_no_rule(const std::vector<PolicyRule>& rules) {
  for (const PolicyRule& rule : rules) {
    if (!is_action(rule.action) || !std::ranges::all_of(rule.conditions, is_condition)) return rule.line;
  }
  return std::nullopt;
}

std::vector<PolicyRule> parse_policy(std::string_view text) {
  std::vector<PolicyRule> rules;
  std::istringstream lines{std::string(text)};
  std::size_t number = 0;
  for (std::string line; std::getline(lines, line);) {
    ++number;
    std::istringstream words(line);
    PolicyRule rule{.line = number, .action = {}, .conditions = {}};
    if (!(words >> rule.action) || rule.action.starts_with('#')) continue;
    for (std::string word; words >> word;) rule.conditions.push_back(word);
    rules.push_back(std::move(rule));
  }
  return rules;
}

PolicyCheck check_policy(const std::vector<PolicyRule>& rules, uid_t owner) {
  PolicyCheck check;
  bool owner_exempt = false;
  bool fuse_exempt = false;
  for (const PolicyRule& rule : rules) {
    owner_exempt = owner_exempt || exempts(rule, "fowner", owner, 10);
    fuse_exempt = fuse_exempt || exempts(rule, "fsmagic", kFuseMagic, 16);
    if (!owner_exempt && !check.archive_measured_at && measures_archive(rule, owner)) {
      check.archive_measured_at = rule.line;
    }
    if (!fuse_exempt && !check.view_measured_at && measures_view(rule, owner)) check.view_measured_at = rule.line;
  }
  return check;
}

}  // namespace imakeep::host
