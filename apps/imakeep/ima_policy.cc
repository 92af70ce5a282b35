#include "ima_policy.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <sstream>

namespace imakeep::app {
namespace {

// What rules with these functions measure is no content of a file that imakeep has.
constexpr std::array kNoFiles = {"KEY_CHECK",    "KEXEC_CMDLINE",      "CRITICAL_DATA",
                                 "POLICY_CHECK", "KEXEC_KERNEL_CHECK", "KEXEC_INITRAMFS_CHECK",
                                 "MODULE_CHECK", "FIRMWARE_CHECK",     "SETXATTR_CHECK"};

std::optional<std::string_view> value_of(const PolicyRule& rule, std::string_view name) {
  for (const std::string_view condition : rule.conditions) {
    if (condition.starts_with(name) && condition.substr(name.size()).starts_with('=')) {
      return condition.substr(name.size() + 1);
    }
  }
  return std::nullopt;
}

bool measures_files(const PolicyRule& rule) {
  if (rule.action != "measure") return false;
  const auto function = value_of(rule, "func");
  return !function || std::ranges::find(kNoFiles, *function) == kNoFiles.end();
}

std::optional<std::uint64_t> number(std::string_view text, int base) {
  if (base == 16 && (text.starts_with("0x") || text.starts_with("0X"))) text.remove_prefix(2);
  std::uint64_t value = 0;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (failed != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
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
  for (const PolicyRule& rule : rules) {
    if (measures_files(rule)) {
      check.measures_files = true;
      check.measured_from = rule.line;
      return check;
    }
    check.exempts_owner = check.exempts_owner || exempts(rule, "fowner", owner, 10);
    check.exempts_fuse = check.exempts_fuse || exempts(rule, "fsmagic", kFuseMagic, 16);
  }
  return check;
}

}  // namespace imakeep::app
