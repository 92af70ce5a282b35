// SPDX-License-Identifier: Apache-2.0
// bundle/judge_quotes.h - checks every quote of an evidence bundle: its signature, and whether the records match it.
//
// The quotes are taken in the order of the TPM's clock. The PCRs only go forward, so the records that one matches are
// among those that the next one matches. Replay therefore reads the records once for all quotes. A quote of N records
// has to match a prefix of at most N records. One exception: if record N names a PCR that the quote does not cover,
// the verifier could not count it, and the match may lie after it.
//
// A quote matches or not whatever was said of its number of records: what it proves, it proves. check_log() finds how
// much that is; here is only found which quotes match.
//
// Threads: no shared state.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "attest/log_source.h"
#include "attest/quote_check.h"
#include "evidence/bundle.h"

namespace imakeep::bundle {

struct JudgedQuote {
  std::uint64_t number = 0;   // in the bundle, from 1
  std::uint64_t records = 0;  // that it is said to cover
  tpm::Quote quote;
  tpm::Signature signature;
  std::string key = {};                                    // that signed it; empty: none of those
  std::optional<std::uint64_t> matched_at = std::nullopt;  // count of the records up to the match
  std::optional<Error> problem = std::nullopt;             // empty: signed, and the records match

  bool good() const { return !problem; }
};

struct JudgedQuotes {
  std::vector<JudgedQuote> quotes;       // in the order of the bundle
  std::optional<std::size_t> last = {};  // index of the last good quote by the TPM's clock
};

// `log` has the bundle's records. `keys`: the keys that the caller trusts; empty: each quote is checked with the key
// that the bundle gives for it. Reads the log once. Errors: those of the log.
Result<JudgedQuotes> judge_quotes(attest::LogSource& log, const evidence::BundleHeader& header,
                                  const std::vector<attest::VerificationKey>& keys);

}  // namespace imakeep::bundle
