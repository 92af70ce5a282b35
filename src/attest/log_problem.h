// SPDX-License-Identifier: Apache-2.0
// attest/log_problem.h - says in one line what is wrong with a log that was compared with PCRs or a quote.
//
// Threads: no shared state.
#pragma once

#include "attest/log_check.h"

namespace imakeep::attest {

// A log that was read to its end, or as far as it can be read.
struct CheckedLog {
  const LogCheck& check;
  const Expected& expected;
  const std::optional<imalog::PcrComposite>& composite;  // of Expected::quote
  const imalog::PcrState& start;                         // the state before the first record
  const std::optional<Error>& unreadable;                // the error that ended the reading
  const std::optional<ReplayLimit>& limit;
  bool from_reset = false;  // the caller gave no start state: `start` is what a TPM reset leaves
  bool headless = false;    // the log should begin with a boot_aggregate and does not
};

struct Problem {
  std::optional<Error> error = std::nullopt;  // empty: the log has no problem, as LogCheck::problem defines it
  Diagnosis diagnosis = Diagnosis::kNone;
};

// May read `log` again to search for the cause.
Problem problem_of(LogSource& log, const CheckedLog& checked);

// The quote's digest, computed over the given values; empty if a quoted PCR has no given value.
std::optional<digest::Digest> digest_of_given(const imalog::PcrComposite& composite, const Expected& expected);

}  // namespace imakeep::attest
