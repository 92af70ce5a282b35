// SPDX-License-Identifier: Apache-2.0
#include <cstdio>
#include <memory>

#include <nlohmann/json.hpp>

#include "attest/log_check.h"
#include "base/file.h"
#include "cli/terminal.h"
#include "commands.h"
#include "ear/claims.h"
#include "ear/signing_key.h"
#include "imalog/pcr_file.h"
#include "logappraisal/attestation_result.h"
#include "logappraisal/report.h"
#include "logproof/bundle_proof.h"
#include "logproof/open_log.h"
#include "logproof/proof_options.h"
#include "logproof/report.h"
#include "read_keys.h"

namespace imakeep::app {
namespace {

struct AppraiseOptions {
  logproof::ProofOptions proof;
  std::vector<std::string> policies;
  std::string policy_key;
  std::string mode = "strict";
  std::string host;
  std::string keys;
  std::optional<std::string> boot_pcrs;
  std::optional<std::uint64_t> from;
  std::optional<std::uint64_t> to;
  std::optional<std::string> ear_key;
  std::string ear_profile = "veraison";
  bool json = false;
};

// PCRs 0 to 9: those of --pcrs-boot, or of the values that prove the log.
Result<std::vector<imalog::PcrValue>> boot_pcrs(const AppraiseOptions& options, const logproof::Evidence& evidence) {
  if (options.boot_pcrs) return imalog::read_pcr_file(*options.boot_pcrs);
  return attest::vouched_values(evidence.expected);
}

// Prints an attestation result, signed by the key.
Result<void> print_ear(const AppraiseOptions& options, const ear::Ear& result) {
  constexpr std::size_t kMostKeyBytes = 1 << 16;
  IMAKEEP_TRY(const auto& file, read_file(*options.ear_key, {.most_bytes = kMostKeyBytes}));
  IMAKEEP_TRY(const auto& key, ear::SigningKey::parse_pem(file, *options.ear_key));
  const bool ietf = options.ear_profile == "ietf";
  IMAKEEP_TRY(const auto& claims, ear::make_claims(result, ietf ? ear::Profile::kIetf : ear::Profile::kVeraison));
  IMAKEEP_TRY(const auto& token, key.sign(claims));
  std::puts(token.c_str());
  return {};
}

Result<int> appraise(const AppraiseOptions& options) {
  const policy::Mode mode = options.mode == "strict" ? policy::Mode::kStrict : policy::Mode::kKeylime;
  IMAKEEP_TRY(const auto& policies, logappraisal::read_policies(options.policies, mode, options.policy_key));
  IMAKEEP_TRY(const auto& keys, read_keys(options.keys));
  IMAKEEP_TRY(auto bundle, logproof::read_bundle(options.proof));
  logproof::Evidence evidence;
  std::optional<imalog::PcrState> start;
  logproof::OpenLog log;
  if (bundle) {
    evidence = bundle->evidence;
    log = std::move(bundle->log);
  } else {
    IMAKEEP_TRY(evidence, logproof::read_evidence(options.proof));
    IMAKEEP_TRY(start, logproof::read_start(options.proof, evidence));
    IMAKEEP_TRY(log, logproof::open_log(options.proof, spool_folder()));
  }
  IMAKEEP_TRY(const auto& boot, boot_pcrs(options, evidence));
  logappraisal::AppraisalOptions how{
      .mode = mode, .host = options.host, .keys = &keys.keyrings, .boot_pcrs = boot, .first = log.first};
  how.from = options.from.value_or(how.from);
  how.to = options.to.value_or(how.to);
  IMAKEEP_TRY(auto appraisal, logappraisal::LogAppraisal::make(policies, std::move(how)));
  IMAKEEP_TRY(auto check, attest::check_log(*log.log, evidence.expected, start, log.limit, &appraisal));
  const logappraisal::AppraisalResult result = appraisal.result(check);
  if (options.ear_key) {
    const logappraisal::ResultContext context{.issued_at_s = unix_seconds(),
                                              .verifier = {.developer = "imakeep", .build = "imakeep " IMAKEEP_VERSION},
                                              .host = options.host,
                                              .chain = log.chain ? log.chain->value() : 0,
                                              .first = log.first};
    IMAKEEP_CHECK(
        print_ear(options, logappraisal::attestation_result(result, policies, check, evidence.quote->quote, context)));
  }
  logproof::place_in_chain(log.first, evidence, check);
  if (options.json) {
    nlohmann::json json = logappraisal::appraisal_json(result, policies);
    json["proof"] = logproof::proof_json(check, evidence, log.ranges);
    if (bundle) json["proof"]["bundle"] = logproof::bundle_json(*bundle);
    print_json(json);
  } else if (!options.ear_key) {
    if (bundle) std::fputs(logproof::bundle_text(*bundle).c_str(), stdout);
    if (evidence.expected.anything()) {
      std::fputs(logproof::proof_text(check, evidence, log.ranges).result.c_str(), stdout);
    } else {
      std::puts(bundle ? "nothing is proven: the bundle has no quote that is signed by the key"
                       : "nothing is proven: neither PCR values nor a quote were given");
    }
    std::fputs(logappraisal::appraisal_text(result, policies).c_str(), stdout);
  }
  const int proof = bundle ? report_problem(*bundle, check) : report_problem(check, evidence);
  return result.refused_records() > 0 ? report(logappraisal::refusal(result)) : proof;
}

}  // namespace

void add_appraise(const Command& root) {
  auto options = std::make_shared<AppraiseOptions>();
  const Command command =
      root.add_command("appraise", "judge the records of a log by a policy, while comparing it with PCRs or a quote");
  const logproof::AddedOptions proof = logproof::add_proof_options(command, options->proof);
  command.add_option("--policy", options->policies, "policy; of several, given one by one, one has to accept a record")
      .value_name("FILE")
      .one_value_each()
      .required();
  command.add_option("--policy-key", options->policy_key, "keys, one of which must have signed each policy")
      .value_name("FILE");
  command.add_option("--mode", options->mode, "semantics of the policy").one_of({"strict", "keylime"}).show_default();
  command
      .add_option("--keys", options->keys,
                  "directory of keys that may sign files: of keyring .ima, and of one keyring in each subdirectory")
      .value_name("DIR");
  command
      .add_option("--pcrs-boot", options->boot_pcrs,
                  "PCRs 0 to 9 for the boot aggregate, lines as for --pcrs (default: those of --pcrs or --tpm)")
      .value_name("FILE");
  const Option from =
      command.add_count("--from", options->from, "number of the first record to report (default: the first kept one)")
          .value_name("I")
          .needs(proof.archive);
  const Option to = command.add_count("--to", options->to, "number of the first record not to report (default: none)")
                        .value_name("J")
                        .needs(proof.archive);
  command.add_option("--host", options->host, "name of the host in the identities of findings (default: empty)")
      .value_name("NAME");
  const Option json = command.add_flag("--json", options->json, "output as JSON");
  command
      .add_option("--ear", options->ear_key,
                  "private key (PEM, P-256) that signs an attestation result, a JWT, printed instead of the summary")
      .value_name("KEY")
      .needs(proof.quote)
      .excludes(json)
      .excludes(from)
      .excludes(to);
  command.add_option("--ear-profile", options->ear_profile, "profile of the attestation result")
      .one_of({"veraison", "ietf"})
      .show_default();
  command.set_action([options, tpm = proof.tpm] {
    options->proof.with_tpm = tpm.given();
    const auto code = appraise(*options);
    return code ? *code : report(code.error());
  });
}

}  // namespace imakeep::app
