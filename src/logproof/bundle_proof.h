// SPDX-License-Identifier: Apache-2.0
// logproof/bundle_proof.h - judges the quotes of an evidence bundle, and opens its records as a log to verify.
//
// What `imakeep verify` and `imakeep appraise` have in common for bundles. The proof of the records is by the last good
// quote, with attest::check_log() as for any log. Threads: one thread; it reads files.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "bundle/judge_quotes.h"
#include "logproof/open_log.h"

namespace imakeep::logproof {

struct BundleProof {
  std::string file;
  evidence::BundleHeader header;
  bundle::JudgedQuotes judged;
  bool key_named = false;   // the caller named the key that signs; otherwise only the bundle does
  std::string ek_subject;   // of the EK certificate; empty: the bundle has none
  bool ek_checked = false;  // it leads to a root of the caller's
  Evidence evidence;        // of the last good quote; without one, of the last one that is signed, if any
  OpenLog log;
};

// Empty if the options name no bundle. Errors: kUsage for options that do not go with a bundle; those of
// bundle::BundleLog, of reading keys and roots, and of checking the EK certificate.
Result<std::optional<BundleProof>> read_bundle(const ProofOptions& options);

// Lines that say what the bundle is, by which key, and how many of its quotes match.
std::string bundle_text(const BundleProof& proof);
nlohmann::json bundle_json(const BundleProof& proof);

// What is wrong with the bundle as evidence: each quote that is not good; or that there is no quote.
std::vector<Error> bundle_problems(const BundleProof& proof);

}  // namespace imakeep::logproof
