#include "keep_config.h"

#include <toml++/toml.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "base/file.h"
#include "duration.h"
#include "keep_pcrs.h"
#include "metrics_file.h"

namespace imakeep::app {
namespace {

Result<void> set_text(std::string& to, const std::string& text) {
  if (text.empty()) return fail(ErrorCode::kUsage, "it is empty");
  to = text;
  return {};
}

// Empty stands for none.
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
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), to);
  if (failed != std::errc() || end != text.data() + text.size()) {
    return fail(ErrorCode::kUsage, "'" + text + "' is no number of records; write 0 for no limit");
  }
  return {};
}

Result<void> set_size(std::uint64_t& to, const std::string& text) {
  const auto parsed = parse_size(text);
  if (!parsed) return unexpected(parsed.error());
  to = *parsed;
  return {};
}

Result<void> set_duration(std::int64_t& to, const std::string& text) {
  const auto parsed = parse_duration(text);
  if (!parsed) return unexpected(parsed.error());
  to = *parsed;
  return {};
}

Result<void> set_percent(std::uint32_t& to, const std::string& text) {
  std::uint64_t percent = 0;
  if (text != "off" && (!set_number(percent, text) || percent == 0 || percent > 100)) {
    return fail(ErrorCode::kUsage, "'" + text + "' is no percentage; write 1 to 100, or off");
  }
  to = static_cast<std::uint32_t>(percent);
  return {};
}

Result<void> set_method(keeper::Method& to, const std::string& text) {
  if (text != "auto" && text != "stage" && text != "count") {
    return fail(ErrorCode::kUsage, "'" + text + "' is no method; write auto, stage or count");
  }
  to = text == "stage" ? keeper::Method::kStage : text == "count" ? keeper::Method::kCount : keeper::Method::kAuto;
  return {};
}

constexpr std::array kOptions{
    KeepOption{"ima_dir", ValueKind::kText, "DIR", "directory of the list's files (default: /sys/kernel/security/ima)",
               [](KeepConfig& config, const std::string& text) { return set_text(config.ima_dir, text); }},
    KeepOption{"archive", ValueKind::kText, "FILE", "where the records are kept; made if it is not there",
               [](KeepConfig& config, const std::string& text) { return set_text(config.archive, text); }},
    KeepOption{"pcrs", ValueKind::kText, "WHICH", kPcrSpecHelp,
               [](KeepConfig& config, const std::string& text) -> Result<void> {
                 IMAKEEP_CHECK(check_pcr_spec(text));
                 config.pcrs = text;
                 return {};
               }},
    KeepOption{"method", ValueKind::kText, "HOW",
               "how records are taken out: auto, stage (A, read, D) or count (N) (default: auto)",
               [](KeepConfig& config, const std::string& text) { return set_method(config.method, text); }},
    KeepOption{"unproven", ValueKind::kSwitch, "", "take records out although no PCRs prove them",
               [](KeepConfig& config, const std::string& text) { return set_switch(config.unproven, text); }},
    KeepOption{"follow_every", ValueKind::kDuration, "TIME", "how often to look for new records (default: 1s)",
               [](KeepConfig& config, const std::string& text) -> Result<void> {
                 IMAKEEP_CHECK(set_duration(config.follow_every_ms, text));
                 if (config.follow_every_ms > 0) return {};
                 return fail(ErrorCode::kUsage, "it cannot be 0");
               }},
    KeepOption{"every", ValueKind::kDuration, "TIME", "take records out so often; 0: not by time (default: 60s)",
               [](KeepConfig& config, const std::string& text) { return set_duration(config.every_ms, text); }},
    KeepOption{"records", ValueKind::kNumber, "N",
               "take records out once the list holds so many (default: 0, no limit)",
               [](KeepConfig& config, const std::string& text) { return set_number(config.records, text); }},
    KeepOption{"bytes", ValueKind::kSize, "SIZE",
               "take records out once the binary list has so many bytes, such as 64MB (default: 0, no limit)",
               [](KeepConfig& config, const std::string& text) { return set_size(config.bytes, text); }},
    KeepOption{"pressure", ValueKind::kPercent, "PERCENT",
               "take records out when tasks wait for memory such a share of the time; off (default: 10)",
               [](KeepConfig& config, const std::string& text) { return set_percent(config.pressure_percent, text); }},
    KeepOption{"trim_at_exit", ValueKind::kSwitch, "", "take records out before ending (default: true)",
               [](KeepConfig& config, const std::string& text) { return set_switch(config.trim_at_exit, text); }},
    KeepOption{"control", ValueKind::kText, "SOCK", "socket to take requests on (default: none)",
               [](KeepConfig& config, const std::string& text) { return set_any(config.control, text); }},
    KeepOption{"view", ValueKind::kText, "DIR", "mount a view of the whole list there (default: none)",
               [](KeepConfig& config, const std::string& text) { return set_any(config.view, text); }},
    KeepOption{"group", ValueKind::kText, "GROUP", "who may read the view (default: the keeper's own group)",
               [](KeepConfig& config, const std::string& text) { return set_any(config.group, text); }},
    KeepOption{"bind", ValueKind::kSwitch, "", "cover the list's own files by the view's",
               [](KeepConfig& config, const std::string& text) { return set_switch(config.bind, text); }},
    KeepOption{"metrics", ValueKind::kText, "SOCK", "socket that serves metrics by HTTP (default: none)",
               [](KeepConfig& config, const std::string& text) { return set_any(config.metrics, text); }},
    KeepOption{"metrics_file", ValueKind::kText, "FILE",
               "file for metrics, *.prom, that a node exporter collects (default: none)",
               [](KeepConfig& config, const std::string& text) -> Result<void> {
                 if (!text.empty()) IMAKEEP_CHECK(MetricsFile::check_name(text));
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

// The value as KeepOption::set takes it; empty if it is of another type than the option takes.
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
      return fail(ErrorCode::kUsage, place(file, key.source()) + ": there is no option " + std::string(name) +
                                         "; there are " + known_names());
    }
    const std::string at = place(file, value.source()) + ": " + option->name;
    const auto text = text_of(value, option->kind);
    if (!text) return fail(ErrorCode::kUsage, at + " takes " + wanted(option->kind));
    if (const auto set = option->set(config, *text); !set) return unexpected(named(set.error(), at));
  }
  return {};
}

}  // namespace

std::string KeepOption::flag() const {
  std::string flag = std::string("--") + name;
  std::ranges::replace(flag, '_', '-');
  return flag;
}

std::span<const KeepOption> keep_options() {
  return kOptions;
}

Result<void> read_keep_config(KeepConfig& config, const std::string& file) {
  const auto bytes = read_file(file);
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

}  // namespace imakeep::app
