// conformance/conformance.h - checks a staging interface of IMA point by point: Linux's, or one that claims to be like
// it.
//
// Without Options::destructive only reading is tried, and no file is opened for writing: even a moment of holding it
// would turn another task away with EBUSY. Readers do make a writer's open fail with EBUSY while they read.
// With it the list is emptied many times, what is staged too: records are lost for good. Nothing else may use the
// interface meanwhile, and no record may appear but those of the RecordSource: measurements of others fail checks.
//
// Every descriptor is closed by the thread that opened it, and run()'s thread holds most of them (DESIGN 2.3).
// Threads: one run() at a time on an interface.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/result.h"
#include "conformance/record_source.h"

namespace imakeep::conformance {

// Suspension cannot be undone, and what D answers then can be seen only if something was staged before.
enum class Suspension : std::uint8_t { kOff, kNothingStaged, kSomethingStaged };

enum class CheckStatus : std::uint8_t {
  kPass,
  kFail,
  kSkip,    // could not be tried; the reason says why
  kExempt,  // deviates, and no file system in user space can do better; the reason says why
};

struct CheckResult {
  std::string id;     // "request.A-on-empty-list"; one that runs once a bank ends in ":BANK"
  std::string title;  // what must hold
  std::string expected = {};
  std::string found = {};
  CheckStatus status = CheckStatus::kSkip;
  std::string reason = {};  // of a skip or an exemption
};

struct Options {
  std::string ima_dir;
  bool destructive = false;
  Suspension suspension = Suspension::kNothingStaged;      // only with a source that can suspend; runs last
  std::uint64_t concurrent_records = 100;                  // added while others stage, delete and read
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

// Runs every check that the interface and `source` (borrowed; may be null) allow. A deviation is a failed result, not
// an error. Errors:
//   kEnvironment  no IMA directory, no permission, or another task holds the files (EBUSY)
Result<Report> run(const Options& options, RecordSource* source);

}  // namespace imakeep::conformance
