// SPDX-License-Identifier: Apache-2.0
#include "conformance/conformance.h"

#include <fcntl.h>

#include <cerrno>
#include <tuple>

#include "base/file.h"
#include "conformance/check.h"
#include "conformance/exemptions.h"

namespace imakeep::conformance {

namespace {

std::string table_name(const Context& context) {
  switch (context.table()) {
    case TableMode::kKept:
      return "kept";
    case TableMode::kFlushed:
      return "flushed";
    case TableMode::kNone:
      return "none";
    case TableMode::kUnknown:
      return context.knows_numbers() && !context.takes_numbers() ? "flushed" : "unknown";
  }
  return "";
}

// Return one clear error now, because otherwise every check would fail.
Result<void> must_open(const std::string& path, int flags) {
  const auto fd = open_file(path, flags);
  if (fd) return {};
  Error error = fd.error();
  if (error.os_errno == EBUSY) {
    error.message += flags == O_RDONLY ? "; another task holds the list for writing: end it first"
                                       : "; another task has the list open: end it first, or reboot if no task has it "
                                         "(Linux keeps the lock of a writer whose thread ended before it closed)";
  } else if (error.os_errno == EPERM || error.os_errno == EACCES) {
    error.message += flags == O_RDONLY ? "; run it as root" : "; run it as root with CAP_SYS_ADMIN";
  }
  return unexpected(error);
}

class Runner {
 public:
  Runner(const Options& options, const ImaDirectory& directory, RecordSource* source, Report& report)
      : options_(options),
        directory_(directory),
        source_(source),
        report_(report),
        context_(options, directory, source) {}

  void run_all() {
    if (options_.destructive) {
      warm_up();
      context_.detect_table();
    }
    for (auto* checks : {file_checks, reading_checks, content_checks, opening_checks, request_checks, staging_checks,
                         table_checks, concurrency_checks}) {
      for (const Check& check : checks()) run(check);
    }
    if (options_.destructive) std::ignore = context_.clear_staged();
    suspend();
    for (const Check& check : suspension_checks()) run(check);
    report_.table = table_name(context_);
  }

 private:
  // IMA may measure the source's programs and libraries when they first run. So let them run once before the checks.
  void warm_up() {
    if (source_ == nullptr) return;
    std::ignore = source_->add(2);
    std::ignore = source_->add_again();
  }

  void suspend() {
    if (options_.suspension == Suspension::kOff || source_ == nullptr || !options_.destructive) return;
    const bool staged = options_.suspension == Suspension::kSomethingStaged && directory_.has_staging();
    if (!source_->can_suspend()) return;
    auto done = staged ? context_.stage(3, 3) : context_.have(3);
    if (done) done = source_->suspend();
    if (done) {
      suspended_ = staged ? kSuspendedStaged : kSuspended;
    } else {
      not_suspended_ = describe(done.error());
    }
  }

  // Returns the reason why the check cannot run; empty if it can.
  std::string missing(unsigned needs) const {
    if ((needs & kWriting) != 0 && !options_.destructive) return "needs --destructive";
    if ((needs & kStaging) != 0 && !directory_.has_staging()) return "this kernel has no _staged files";
    if ((needs & kSource) != 0 && source_ == nullptr) return "needs a record source";
    if ((needs & (kCounting | kFlushing)) != 0) {
      if (!context_.knows_numbers()) return "no record to test whether N is accepted";
      if ((needs & kCounting) != 0 && !context_.takes_numbers()) return "N is refused: the hash table is flushed";
      if ((needs & kFlushing) != 0 && context_.takes_numbers()) return "the hash table is not flushed";
    }
    const unsigned suspended = needs & (kSuspended | kSuspendedStaged);
    if (suspended != 0 && suspended != suspended_) {
      return suspended_ == 0 ? not_suspended_ : "suspended in another state";
    }
    return {};
  }

  void run(const Check& check) {
    if ((check.needs & kPerBank) == 0) return run(check, check.id);
    for (const digest::Bank& bank : directory_.banks()) {
      context_.set_bank(&bank);
      run(check, check.id + ":" + bank.name());
    }
  }

  void run(const Check& check, std::string id) {
    CheckResult result{.id = std::move(id), .title = check.title};
    result.reason = missing(check.needs);
    if (result.reason.empty()) judge(check, result);
    if (options_.on_result) options_.on_result(result);
    report_.results.push_back(std::move(result));
  }

  void judge(const Check& check, CheckResult& result) {
    const auto finding = check.run(context_);
    if (!finding && finding.error().code == ErrorCode::kUnsupported) {
      result.reason = finding.error().message;
      return;
    }
    result.status = finding && finding->passed ? CheckStatus::kPass : CheckStatus::kFail;
    result.expected = finding ? finding->expected : "an answer";
    result.found = finding ? finding->found : "error: " + describe(finding.error());
    const Exemption* exemption = find_exemption(result.id);
    if (result.status == CheckStatus::kFail && directory_.on_fuse() && exemption != nullptr) {
      result.status = CheckStatus::kExempt;
      result.reason = exemption->reason;
    }
  }

  const Options& options_;
  const ImaDirectory& directory_;
  RecordSource* source_;
  Report& report_;
  Context context_;
  unsigned suspended_ = 0;
  std::string not_suspended_ = "measurement was not suspended";
};

}  // namespace

Result<Report> run(const Options& options, RecordSource* source) {
  IMAKEEP_TAKE(directory, ImaDirectory::inspect(options.ima_dir));
  IMAKEEP_CHECK(must_open(directory.original(), O_RDONLY));
  if (options.destructive) IMAKEEP_CHECK(must_open(directory.original(), O_WRONLY));
  Report report{.ima_dir = options.ima_dir, .on_fuse = directory.on_fuse(), .has_staging = directory.has_staging()};
  for (const digest::Bank& bank : directory.banks()) report.banks.push_back(bank.name());
  Runner(options, directory, source, report).run_all();
  return report;
}

}  // namespace imakeep::conformance
