#include "ima_policy.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <sstream>

namespace imakeep::app {
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

// Whether it measures files of that user when they are opened to be read or written. Who opens them is not looked at:
// that may always be somebody whom the rule means.
bool measures_opened_files(const PolicyRule& rule, uid_t owner) {
  if (rule.action != "measure") return false;
  if (const auto of = value_of(rule, "fowner"); of && number(*of, 10) != owner) return false;
  const std::string_view function = value_of(rule, "func").value_or("FILE_CHECK");
  const std::string_view mask = value_of(rule, "mask").value_or("");
  // PATH_CHECK is what Linux called it before.
  return (function == "FILE_CHECK" || function == "PATH_CHECK") && !mask.ends_with("MAY_EXEC");
}

// Whether it is of the files of that file system, or of those of all.
bool is_of_fuse(const PolicyRule& rule) {
  const auto magic = value_of(rule, "fsmagic");
  const auto name = value_of(rule, "fsname");
  return (!magic || number(*magic, 16) == kFuseMagic) && (!name || *name == "fuse");
}

bool measures_view(const PolicyRule& rule, uid_t owner) {
  return measures_opened_files(rule, owner) && is_of_fuse(rule);
}

// The archive is on no FUSE; which of the others it is on is not known here.
bool measures_archive(const PolicyRule& rule, uid_t owner) {
  const bool of_one = value_of(rule, "fsmagic").has_value() || value_of(rule, "fsname").has_value();
  return measures_opened_files(rule, owner) && !(of_one && is_of_fuse(rule));
}

// A dont_measure of everything for which `name` has `value`: further conditions would leave something to be measured.
bool exempts(const PolicyRule& rule, std::string_view name, std::uint64_t value, int base) {
  if (rule.action != "dont_measure" || rule.conditions.size() != 1) return false;
  const auto found = value_of(rule, name);
  return found && number(*found, base) == value;
}

}  // namespace

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

}  // namespace imakeep::app
