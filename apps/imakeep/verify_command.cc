// SPDX-License-Identifier: Apache-2.0
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <memory>

#include <nlohmann/json.hpp>

#include "attest/log_check.h"
#include "cli/terminal.h"
#include "commands.h"
#include "logproof/bundle_proof.h"
#include "logproof/open_log.h"
#include "logproof/proof_options.h"
#include "logproof/report.h"

namespace imakeep::app {

std::string spool_folder() {
  const char* const told = std::getenv("TMPDIR");  // NOLINT(concurrency-mt-unsafe): the process has one thread
  return told != nullptr && *told != '\0' ? told : "/var/tmp";
}

std::int64_t unix_seconds() {
  return std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch()).count();
}

int report_problem(const attest::LogCheck& check, const logproof::Evidence& evidence) {
  for (const logproof::Remark& remark : logproof::remarks(check, evidence)) report(remark.error, remark.where);
  return check.problem ? report(*check.problem) : kDone;
}

int report_problem(const logproof::BundleProof& bundle, const attest::LogCheck& check) {
  int code = report_problem(check, bundle.evidence);
  for (const Error& problem : logproof::bundle_problems(bundle)) {
    const int of_bundle = report(problem);
    if (code == kDone) code = of_bundle;
  }
  return code;
}

namespace {

int verify_bundle(const logproof::BundleProof& bundle, bool json) {
  auto check = attest::check_log(*bundle.log.log, bundle.evidence.expected);
  if (!check) return report(check.error());
  if (json) {
    nlohmann::json all = logproof::proof_json(*check, bundle.evidence, {});
    all["bundle"] = logproof::bundle_json(bundle);
    print_json(all);
  } else {
    std::fputs(logproof::bundle_text(bundle).c_str(), stdout);
    const logproof::ProofText text = logproof::proof_text(*check, bundle.evidence, {});
    std::fputs(text.result.c_str(), stdout);
    std::fputs(text.notes.c_str(), stderr);
  }
  return report_problem(bundle, *check);
}

int run_verify(const logproof::ProofOptions& options, bool json) {
  if (options.files.empty() == !options.archive) {
    return report({.code = ErrorCode::kUsage, .message = "verify requires either lists or --archive FILE"});
  }
  const auto bundle = logproof::read_bundle(options);
  if (!bundle) return report(bundle.error());
  if (*bundle) return verify_bundle(**bundle, json);
  auto evidence = logproof::read_evidence(options);
  if (!evidence) return report(evidence.error());
  const auto start = logproof::read_start(options, *evidence);
  if (!start) return report(start.error());
  const auto log = logproof::open_log(options, spool_folder());
  if (!log) return report(log.error());
  auto check = attest::check_log(*log->log, evidence->expected, *start, log->limit);
  if (!check) return report(check.error());
  logproof::place_in_chain(log->first, *evidence, *check);
  if (json) {
    print_json(logproof::proof_json(*check, *evidence, log->ranges));
  } else {
    const logproof::ProofText text = logproof::proof_text(*check, *evidence, log->ranges);
    std::fputs(text.result.c_str(), stdout);
    std::fputs(text.notes.c_str(), stderr);
  }
  return report_problem(*check, *evidence);
}

}  // namespace

void add_verify(const Command& root) {
  auto options = std::make_shared<logproof::ProofOptions>();
  auto json = std::make_shared<bool>(false);
  const Command command =
      root.add_command("verify", "replay a log, and compare it with its stored digests, with PCRs or with a quote");
  const Option tpm = logproof::add_proof_options(command, *options).tpm;
  command.add_flag("--json", *json, "output as JSON");
  command.set_action([options, json, tpm] {
    options->with_tpm = tpm.given();
    return run_verify(*options, *json);
  });
}

}  // namespace imakeep::app
