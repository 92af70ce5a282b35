// SPDX-License-Identifier: Apache-2.0
// logproof/proof_options.h - the options of commands that compare a log with PCRs or a quote. Threads: one thread.
#pragma once

#include "cli/options.h"
#include "logproof/evidence.h"

namespace imakeep::logproof {

struct AddedOptions {
  cli::Option archive;
  cli::Option quote;
  cli::Option tpm;  // its action has to set ProofOptions::with_tpm from given()
};

// Adds FILE, --archive, --chain, --bank, --pcrs, --start, --quote, --signature, --key, --hash, --tpm and --nonce.
// `options` must live until CommandLine::run() returns.
AddedOptions add_proof_options(const cli::Command& command, ProofOptions& options);

}  // namespace imakeep::logproof
