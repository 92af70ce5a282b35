// SPDX-License-Identifier: Apache-2.0
// conformance/check.h - a check, and the state into which a check brings the list before it runs.
//
// A check prepares its own state, so a failed check spoils no other. To add a check, add a row to a table in one of the
// checks_*.cc files.
// Threads: a Context belongs to run()'s thread; a thread that a check starts may use only source().
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "conformance/conformance.h"
#include "conformance/snapshot.h"
#include "imalog/ima_directory.h"
#include "imalog/table_mode.h"

namespace imakeep::conformance {

// The needs of a check, as bits. If something is missing, the check is skipped with the reason.
enum Need : unsigned {
  kReading = 0,
  kWriting = 1u << 0,    // --destructive
  kStaging = 1u << 1,    // _staged files
  kCounting = 1u << 2,   // the list accepts N: the table is not flushed
  kFlushing = 1u << 3,   // the list refuses N: the table is flushed
  kSource = 1u << 4,     // a RecordSource
  kPerBank = 1u << 5,    // runs once for each bank
  kSuspended = 1u << 6,  // runs after suspend(), with nothing staged
  kSuspendedStaged = 1u << 7,
};

struct Finding {
  std::string expected;
  std::string found;
  bool passed = false;
};

// Passes if both are the same.
Finding compare(std::string expected, std::string found);
// For a comparison that was already made: passes if `difference` is empty, and then shows "the same".
Finding expect_same(std::string expected, const std::string& difference);

using imalog::TableMode;

class Context {
 public:
  Context(const Options& options, const ImaDirectory& directory, RecordSource* source)
      : options_(options), directory_(directory), source_(source) {}

  const Options& options() const { return options_; }
  const ImaDirectory& directory() const { return directory_; }
  RecordSource* source() const { return source_; }

  const digest::Bank& bank() const { return *bank_; }  // of a kPerBank check
  void set_bank(const digest::Bank* bank) { bank_ = bank; }

  TableMode table() const { return table_; }
  bool takes_numbers() const { return takes_numbers_.value_or(false); }
  bool knows_numbers() const { return takes_numbers_.has_value(); }
  // Detects the mode by deleting a record and adding one again. Leaves kUnknown if no record is available.
  void detect_table();

  // kUnsupported without a source.
  Result<void> add(std::uint64_t records);
  Result<void> add_again();
  // Number of records in a part, counted in its first bank, sha1.
  Result<std::uint64_t> records(Part part) const;
  Result<Snapshot> snapshot(Part part) const { return take_snapshot(directory_, part); }

  // Initial states. kUnsupported if the state cannot be reached; the check is then skipped.
  Result<void> clear_staged();                                      // nothing staged
  Result<void> empty();                                             // nothing staged, and the current list empty
  Result<void> have(std::uint64_t current);                         // nothing staged, at least `current` records
  Result<void> stage(std::uint64_t staged, std::uint64_t current);  // at least `staged` staged, then `current` added

 private:
  Result<void> must_answer_ok(const std::string& path, std::string_view request);
  void detect_repeats();

  const Options& options_;
  const ImaDirectory& directory_;
  RecordSource* source_;
  const digest::Bank* bank_ = nullptr;
  TableMode table_ = TableMode::kUnknown;
  std::optional<bool> takes_numbers_;
};

struct Check {
  std::string id;
  std::string title;
  unsigned needs = kReading;
  // kUnsupported means that the check is skipped. Any other error is a failure.
  std::function<Result<Finding>(Context&)> run;
};

// The checks by subject, in the order in which they run.
std::vector<Check> file_checks();
std::vector<Check> reading_checks();
std::vector<Check> content_checks();
std::vector<Check> opening_checks();
std::vector<Check> request_checks();
std::vector<Check> staging_checks();
std::vector<Check> table_checks();
std::vector<Check> concurrency_checks();
std::vector<Check> suspension_checks();

}  // namespace imakeep::conformance

// Assigns the value of a Result to a new variable, or returns its error.
#define IMAKEEP_TAKE(variable, expr)                                               \
  auto variable##_result = (expr);                                                 \
  if (!variable##_result) return ::imakeep::unexpected(variable##_result.error()); \
  auto& variable = *variable##_result
