// SPDX-License-Identifier: Apache-2.0
// daemon/keep_config.h - the options of `imakeep keep`. One table of options serves both the TOML file and the command
// line.
//
// In the file, an option is a top-level key with the same name, with _ for -: `ima_dir = "..."` is --ima-dir.
// docs/imakeep.toml shows every option with its default. Threads: values.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "imalog/replay.h"
#include "keeper/keeper.h"

namespace imakeep::daemon {

struct KeepConfig {
  std::string ima_dir = "/sys/kernel/security/ima";
  std::string archive;
  std::string pcrs = "auto";
  std::vector<imalog::PcrValue> start;  // values before the list's first record; the other PCRs were zero
  keeper::Method method = keeper::Method::kAuto;
  bool unproven = false;
  keeper::TrimAfter trim_after = keeper::TrimAfter::kArchived;
  std::int64_t follow_every_ms = 1000;
  std::int64_t every_ms = 60'000;       // 0: no trims by time
  std::uint64_t records = 0;            // 0: no limit
  std::uint64_t bytes = 0;              // 0: no limit
  std::uint32_t pressure_percent = 10;  // 0: off
  bool trim_at_exit = true;
  std::string control;       // empty: none
  std::string view;          // mount point; empty: no view
  std::string group;         // that may read the view; empty: the keeper's own group
  bool bind = false;         // mount the view's files over the list's own files
  std::string templates;     // syntax: imalog::TemplateSet::parse()
  std::string metrics;       // empty: none
  std::string metrics_file;  // empty: none

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
  // Sets the value, given as text. kUsage for an invalid value; the message does not name the option.
  Result<void> (*set)(KeepConfig& config, const std::string& text);

  std::string flag() const;  // "--ima-dir"
};

// kUsage if two options name the same file.
Result<void> check_distinct_files(const KeepConfig& config);

// kUsage if options exclude each other: trim_after "verified" and unproven, or pcrs "none".
Result<void> check_trim_after(const KeepConfig& config);

std::span<const KeepOption> keep_options();

// Sets the options that the file names. kUsage, as FILE:LINE:COLUMN, for a file that is not TOML, an unknown key, and a
// value that has the wrong type or is invalid; kEnvironment if the file cannot be read.
Result<void> read_keep_config(KeepConfig& config, const std::string& file);
// Does the same with the file's text; `file` is only for messages.
Result<void> parse_keep_config(KeepConfig& config, std::string_view toml, const std::string& file);

}  // namespace imakeep::daemon
