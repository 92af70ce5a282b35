// SPDX-License-Identifier: Apache-2.0
// conformance/conformance.h - checks IMA's staging interface point by point: Linux's own, or one that claims to behave
// like it.
//
// Without Options::destructive, the checks only read and open no file for writing, because a writer makes another
// task's open fail with EBUSY. Even so, while the checks read, another task's open for writing fails with EBUSY.
// With Options::destructive, the checks empty the current and the staged list many times, and the records are lost for
// good. No other task may use the interface meanwhile. Only the RecordSource may add records, because other
// measurements make checks fail.
//
// Every descriptor is closed by the thread that opened it, and run()'s thread holds most of them (docs/protocol.md,
// "Opening").
// Threads: only one run() at a time on an interface.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/result.h"
#include "conformance/record_source.h"

namespace imakeep::conformance {

// Suspension cannot be undone, so a run tests one state. D's answer ESTALE is visible only if something was staged
// before suspension.
enum class Suspension : std::uint8_t { kOff, kNothingStaged, kSomethingStaged };

enum class CheckStatus : std::uint8_t {
  kPass,
  kFail,
  kSkip,    // could not be tested; the reason says why
  kExempt,  // deviates, but no file system in user space can do better; the reason says why
};

struct CheckResult {
  std::string id;     // "request.A-on-empty-list"; ends in ":BANK" if the check runs once per bank
  std::string title;  // the property that must hold
  std::string expected = {};
  std::string found = {};
  CheckStatus status = CheckStatus::kSkip;
  std::string reason = {};  // for a skip or an exemption
};

struct Options {
  std::string ima_dir;
  bool destructive = false;
  Suspension suspension = Suspension::kNothingStaged;      // only if the source can suspend; runs last
  std::uint64_t concurrent_records = 100;                  // added while another thread stages, deletes and reads
  std::function<void(const CheckResult&)> on_result = {};  // called after each check, in run()'s thread
};

struct Report {
  std::string ima_dir;
  bool on_fuse = false;
  bool has_staging = false;
  std::vector<std::string> banks;
  std::string table = {};  // "kept", "flushed", "none", "unknown"
  std::vector<CheckResult> results;

  std::size_t count(CheckStatus status) const;
  bool passed() const { return count(CheckStatus::kFail) == 0; }
};

// Runs every check that the interface and `source` (borrowed; may be null) allow. A deviation is reported as a failed
// result, not as an error. Errors:
//   kEnvironment  no IMA directory, no permission, or another task holds the files (EBUSY)
Result<Report> run(const Options& options, RecordSource* source);

}  // namespace imakeep::conformance
