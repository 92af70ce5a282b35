// SPDX-License-Identifier: Apache-2.0
#include "daemon/keep_config.h"

#include <toml++/toml.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <map>

#include "base/file.h"
#include "base/quantity.h"
#include "imalog/pcr_file.h"
#include "imalog/template_set.h"
#include "imalog/templates_option.h"
#include "monitor/metrics_file.h"
#include "pcrs/keep_pcrs.h"

namespace imakeep::daemon {
namespace {

Result<void> set_text(std::string& to, const std::string& text) {
  if (text.empty()) return fail(ErrorCode::kUsage, "the value is empty");
  to = text;
  return {};
}

// An empty text means none.
Result<void> set_any(std::string& to, const std::string& text) {
  to = text;
  return {};
}

Result<void> set_switch(bool& to, const std::string& text) {
  if (text != "true" && text != "false") return fail(ErrorCode::kUsage, "'" + text + "' is neither true nor false");
  to = text == "true";
  return {};
}

Result<void> set_number(std::uint64_t& to, const std::string& text) {
  IMAKEEP_TRY(const auto& parsed, parse_count(text));
  to = parsed;
  return {};
}

Result<void> set_size(std::uint64_t& to, const std::string& text) {
  IMAKEEP_TRY(const auto& parsed, parse_size_bytes(text));
  to = parsed;
  return {};
}

Result<void> set_duration(std::int64_t& to, const std::string& text) {
  IMAKEEP_TRY(const auto& parsed, parse_duration_ms(text));
  to = parsed;
  return {};
}

Result<void> set_percent(std::uint32_t& to, const std::string& text) {
  if (text == "off") {
    to = 0;
    return {};
  }
  const auto percent = parse_count(text, {.min = 1, .max = 100});
  if (!percent) return fail(ErrorCode::kUsage, "'" + text + "' is not a percentage; write 1 to 100, or off");
  to = static_cast<std::uint32_t>(*percent);
  return {};
}

Result<void> set_method(keeper::Method& to, const std::string& text) {
  if (text != "auto" && text != "stage" && text != "count") {
    return fail(ErrorCode::kUsage, "'" + text + "' is not a method; write auto, stage or count");
  }
  to = text == "stage" ? keeper::Method::kStage : text == "count" ? keeper::Method::kCount : keeper::Method::kAuto;
  return {};
}

Result<void> set_trim_after(keeper::TrimAfter& to, const std::string& text) {
  if (text != "archived" && text != "verified") {
    return fail(ErrorCode::kUsage, "'" + text + "' is not when records may be trimmed; write archived or verified");
  }
  to = text == "verified" ? keeper::TrimAfter::kVerified : keeper::TrimAfter::kArchived;
  return {};
}

constexpr std::array kOptions{
    KeepOption{"ima_dir", ValueKind::kText, "DIR", "directory of the list's files (default: /sys/kernel/security/ima)",
               [](KeepConfig& config, const std::string& text) { return set_text(config.ima_dir, text); }},
    KeepOption{"archive", ValueKind::kText, "FILE", "archive of the records; made if it does not exist (required)",
               [](KeepConfig& config, const std::string& text) { return set_text(config.archive, text); }},
    KeepOption{"pcrs", ValueKind::kText, "WHICH", pcrs::kPcrSpecHelp,
               [](KeepConfig& config, const std::string& text) -> Result<void> {
                 IMAKEEP_CHECK(pcrs::check_pcr_spec(text));
                 config.pcrs = text;
                 return {};
               }},
    KeepOption{"start", ValueKind::kText, "FILE",
               "values of PCRs that were not zero before the list's first record (default: none)",
               [](KeepConfig& config, const std::string& text) -> Result<void> {
                 config.start.clear();
                 if (text.empty()) return {};
                 IMAKEEP_TRY(auto values, imalog::read_pcr_file(text));
                 config.start = std::move(values);
                 return {};
               }},
    KeepOption{"method", ValueKind::kText, "HOW", "trim method: auto, stage (A, read, D) or count (N) (default: auto)",
               [](KeepConfig& config, const std::string& text) { return set_method(config.method, text); }},
    KeepOption{"unproven", ValueKind::kSwitch, "", "trims of records that no PCRs prove (default: false)",
               [](KeepConfig& config, const std::string& text) { return set_switch(config.unproven, text); }},
    KeepOption{
        "trim_after", ValueKind::kText, "WHEN",
        "when records may be trimmed: archived, or verified by every registered verifier too (default: archived)",
        [](KeepConfig& config, const std::string& text) { return set_trim_after(config.trim_after, text); }},
    KeepOption{"follow_every", ValueKind::kDuration, "TIME", "interval between looks for new records (default: 1s)",
               [](KeepConfig& config, const std::string& text) -> Result<void> {
                 IMAKEEP_CHECK(set_duration(config.follow_every_ms, text));
                 if (config.follow_every_ms > 0) return {};
                 return fail(ErrorCode::kUsage, "the value cannot be 0");
               }},
    KeepOption{"every", ValueKind::kDuration, "TIME", "trim interval; 0 disables the timer (default: 60s)",
               [](KeepConfig& config, const std::string& text) { return set_duration(config.every_ms, text); }},
    KeepOption{"records", ValueKind::kNumber, "N",
               "records in the list that start a trim; 0 disables the limit (default: 0)",
               [](KeepConfig& config, const std::string& text) { return set_number(config.records, text); }},
    KeepOption{"bytes", ValueKind::kSize, "SIZE",
               "size of the binary list that starts a trim, such as 64MB; 0 disables the limit (default: 0)",
               [](KeepConfig& config, const std::string& text) { return set_size(config.bytes, text); }},
    KeepOption{"pressure", ValueKind::kPercent, "PERCENT",
               "share of the time that tasks wait for memory, at which a trim starts; or off (default: 10)",
               [](KeepConfig& config, const std::string& text) { return set_percent(config.pressure_percent, text); }},
    KeepOption{"trim_at_exit", ValueKind::kSwitch, "", "a last trim before the keeper ends (default: true)",
               [](KeepConfig& config, const std::string& text) { return set_switch(config.trim_at_exit, text); }},
    KeepOption{"control", ValueKind::kText, "SOCK", "socket for requests (default: none)",
               [](KeepConfig& config, const std::string& text) { return set_any(config.control, text); }},
    KeepOption{"view", ValueKind::kText, "DIR", "mount point of a view of the whole list (default: none)",
               [](KeepConfig& config, const std::string& text) { return set_any(config.view, text); }},
    KeepOption{"group", ValueKind::kText, "GROUP", "group that may read the view (default: the keeper's own group)",
               [](KeepConfig& config, const std::string& text) { return set_any(config.group, text); }},
    KeepOption{"bind", ValueKind::kSwitch, "", "bind mounts of the view's files over the list's own (default: false)",
               [](KeepConfig& config, const std::string& text) { return set_switch(config.bind, text); }},
    KeepOption{"templates", ValueKind::kText, "DESCRIPTIONS", imalog::kTemplatesHelp,
               [](KeepConfig& config, const std::string& text) -> Result<void> {
                 IMAKEEP_CHECK(imalog::TemplateSet::parse(text));
                 config.templates = text;
                 return {};
               }},
    KeepOption{"metrics", ValueKind::kText, "SOCK", "socket for metrics over HTTP (default: none)",
               [](KeepConfig& config, const std::string& text) { return set_any(config.metrics, text); }},
    KeepOption{"metrics_file", ValueKind::kText, "FILE", "metrics file, *.prom, for a node exporter (default: none)",
               [](KeepConfig& config, const std::string& text) -> Result<void> {
                 if (!text.empty()) IMAKEEP_CHECK(monitor::MetricsFile::check(text));
                 config.metrics_file = text;
                 return {};
               }},
};

std::string place(const std::string& file, const toml::source_region& region) {
  return file + ":" + std::to_string(region.begin.line) + ":" + std::to_string(region.begin.column);
}

const char* wanted(ValueKind kind) {
  switch (kind) {
    case ValueKind::kText:
      return "a string";
    case ValueKind::kSwitch:
      return "true or false";
    case ValueKind::kNumber:
      return "an integer";
    case ValueKind::kSize:
      return "an integer or a string such as \"64MB\"";
    case ValueKind::kDuration:
      return "a string such as \"60s\", or 0";
    case ValueKind::kPercent:
      return "an integer, or \"off\"";
  }
  return "";
}

// Returns the value in the form that KeepOption::set takes; empty if the option does not take values of this type.
std::optional<std::string> text_of(const toml::node& value, ValueKind kind) {
  const auto string = value.value_exact<std::string>();
  const auto integer = value.value_exact<std::int64_t>();
  const auto flag = value.value_exact<bool>();
  const bool takes_integer = kind == ValueKind::kNumber || kind == ValueKind::kSize || kind == ValueKind::kPercent ||
                             (kind == ValueKind::kDuration && integer == 0);
  const bool takes_string = kind == ValueKind::kText || kind == ValueKind::kSize || kind == ValueKind::kDuration ||
                            (kind == ValueKind::kPercent && string == "off");
  if (integer && takes_integer) return std::to_string(*integer);
  if (string && takes_string) return *string;
  if (flag && kind == ValueKind::kSwitch) return *flag ? "true" : "false";
  return std::nullopt;
}

std::string known_names() {
  std::string names;
  for (const KeepOption& option : kOptions) names += (names.empty() ? "" : ", ") + std::string(option.name);
  return names;
}

Result<void> set_all(KeepConfig& config, const toml::table& table, const std::string& file) {
  for (const auto& [key, value] : table) {
    const std::string_view name = key.str();
    const auto* const option = std::ranges::find(kOptions, name, &KeepOption::name);
    if (option == kOptions.end()) {
      return fail(ErrorCode::kUsage, place(file, key.source()) + ": unknown option " + std::string(name) +
                                         "; the options are " + known_names());
    }
    const std::string at = place(file, value.source()) + ": " + option->name;
    const auto text = text_of(value, option->kind);
    if (!text) return fail(ErrorCode::kUsage, at + " takes " + wanted(option->kind));
    if (const auto set = option->set(config, *text); !set) return unexpected(named(set.error(), at));
  }
  return {};
}

}  // namespace

Result<void> check_distinct_files(const KeepConfig& config) {
  std::map<std::string, std::string> uses;  // key: the canonical path
  const auto add = [&](const char* use, const std::string& path) -> Result<void> {
    if (path.empty()) return {};
    std::error_code failed;
    const std::string real =
        std::filesystem::weakly_canonical(std::filesystem::absolute(path, failed), failed).string();
    const auto [other, is_new] = uses.emplace(failed ? path : real, use);
    if (is_new) return {};
    return fail(ErrorCode::kUsage, path + " is both " + other->second + " and " + use + "; name another file");
  };
  IMAKEEP_CHECK(add("the archive", config.archive));
  IMAKEEP_CHECK(add("the metrics file", config.metrics_file));
  IMAKEEP_CHECK(add("the control socket", config.control));
  return add("the metrics socket", config.metrics);
}

Result<void> check_trim_after(const KeepConfig& config) {
  if (config.trim_after == keeper::TrimAfter::kArchived) return {};
  const std::string other = config.unproven ? "unproven" : config.pcrs == "none" ? "pcrs = \"none\"" : "";
  if (other.empty()) return {};
  return fail(ErrorCode::kUsage, "trim_after = \"verified\" and " + other +
                                     " exclude each other: without PCRs the keeper cannot tell which records of the "
                                     "list the verifiers have proven; leave one of them out");
}

std::string KeepOption::flag() const {
  std::string flag = std::string("--") + name;
  std::ranges::replace(flag, '_', '-');
  return flag;
}

std::span<const KeepOption> keep_options() {
  return kOptions;
}

Result<void> read_keep_config(KeepConfig& config, const std::string& file) {
  auto bytes = read_file(file, {.most_bytes = kMostTextBytes});
  if (!bytes && bytes.error().code == ErrorCode::kMalformed) bytes.error().code = ErrorCode::kUsage;
  if (!bytes) return unexpected(bytes.error());
  return parse_keep_config(config, as_text(*bytes), file);
}

Result<void> parse_keep_config(KeepConfig& config, std::string_view toml, const std::string& file) {
  try {
    return set_all(config, toml::parse(toml), file);
  } catch (const toml::parse_error& error) {
    return fail(ErrorCode::kUsage, place(file, error.source()) + ": " + std::string(error.description()));
  }
}

}  // namespace imakeep::daemon
