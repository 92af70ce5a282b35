// keep_config.h - what `imakeep keep` can be told, by a TOML file and by the command line: one table of options for
// both.
//
// In the file an option is a key of the same name with _ for -, at the top level: `ima_dir = "..."` is --ima-dir.
// docs/imakeep.toml shows every one with its default. Threads: values.
#pragma once

#include <span>
#include <string>

#include "base/result.h"
#include "keeper/keeper.h"

namespace imakeep::app {

struct KeepConfig {
  std::string ima_dir = "/sys/kernel/security/ima";
  std::string archive;
  std::string pcrs = "auto";
  keeper::Method method = keeper::Method::kAuto;
  bool unproven = false;
  std::int64_t follow_every_ms = 1000;
  std::int64_t every_ms = 60'000;       // 0: not by time
  std::uint64_t records = 0;            // 0: no limit
  std::uint64_t bytes = 0;              // 0: no limit
  std::uint32_t pressure_percent = 10;  // 0: off
  bool trim_at_exit = true;
  std::string control;       // empty: none
  std::string metrics;       // likewise
  std::string metrics_file;  // likewise
  std::string view;          // where it is mounted; empty: none
  std::string group;         // that may read it; empty: the keeper's own
  bool bind = false;         // over the list's own files

  friend bool operator==(const KeepConfig&, const KeepConfig&) = default;
};

enum class ValueKind : std::uint8_t {
  kText,
  kSwitch,    // true or false
  kNumber,    // an integer
  kSize,      // an integer, or text such as "64MB"
  kDuration,  // text such as "60s", or 0
  kPercent,   // an integer up to 100, or "off"
};

struct KeepOption {
  const char* name;  // "ima_dir"
  ValueKind kind;
  const char* value_name;  // in --help
  const char* help;
  // Takes the value as text. kUsage, without naming the option, for one that makes no sense.
  Result<void> (*set)(KeepConfig& config, const std::string& text);

  std::string flag() const;  // "--ima-dir"
};

std::span<const KeepOption> keep_options();

// Sets what the file names. kUsage, as FILE:LINE:COLUMN, for what is no TOML, an unknown key, a value of the wrong type
// or one that makes no sense; kEnvironment if it cannot be read.
Result<void> read_keep_config(KeepConfig& config, const std::string& file);
// The same for its text; `file` is for messages.
Result<void> parse_keep_config(KeepConfig& config, std::string_view toml, const std::string& file);

}  // namespace imakeep::app
