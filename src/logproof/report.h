// SPDX-License-Identifier: Apache-2.0
// logproof/report.h - a proof as text and as JSON, as `imakeep verify` shows it.
// Threads: no shared state.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "attest/log_check.h"
#include "logproof/evidence.h"
#include "output/archive_log.h"

namespace imakeep::logproof {

// Converts places to record numbers of the chain, which include retired records, and leaves out values that the caller
// did not ask for: PCRs of a TPM that no record names. The counts of proven records remain those of the records read.
void place_in_chain(std::uint64_t first, const Evidence& evidence, attest::LogCheck& check);

struct ProofText {
  std::string result;  // for standard output
  std::string notes;   // for standard error
};
ProofText proof_text(const attest::LogCheck& check, const Evidence& evidence,
                     const std::vector<output::UnprovenRange>& ranges);

nlohmann::json proof_json(const attest::LogCheck& check, const Evidence& evidence,
                          const std::vector<output::UnprovenRange>& ranges);

// What explains the problem of a check, for standard error: "PCR 11" and why it has no value.
struct Remark {
  std::string where;
  Error error;
};
std::vector<Remark> remarks(const attest::LogCheck& check, const Evidence& evidence);

}  // namespace imakeep::logproof
