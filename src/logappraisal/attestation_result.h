// SPDX-License-Identifier: Apache-2.0
// logappraisal/attestation_result.h - states a proof by a quote and an appraisal as an attestation result (ear/ear.h).
//
// A record does not say whether its file was executed or only read, so every record counts for the claim of
// executables. Records after the proven ones are judged like the others. Threads: no shared state.
#pragma once

#include "ear/ear.h"
#include "logappraisal/log_appraisal.h"
#include "tpm/quote.h"

namespace imakeep::logappraisal {

// What an attestation result says besides the proof and the appraisal.
struct ResultContext {
  std::int64_t issued_at_s = 0;  // Unix time
  ear::VerifierId verifier;
  std::string host;         // name of the submodule; empty: "host"
  std::uint64_t chain = 0;  // 0: the log is no chain of an archive
  std::uint64_t first = 0;  // number of the log's first record
};

// `check` is the comparison of the log with `quote`, whose signature and nonce were checked. `n` of the result ends
// before the first record that is not proven, such as one of a PCR that was not quoted. If no record is proven, or one
// was altered, the result has no `n`. If records follow the proven ones, it has no PCR values, since the replay does
// not end with those of the quote.
ear::Ear attestation_result(const AppraisalResult& appraisal, const std::vector<LoadedPolicy>& policies,
                            const attest::LogCheck& check, const tpm::Quote& quote, const ResultContext& context);

}  // namespace imakeep::logappraisal
