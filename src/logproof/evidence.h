// SPDX-License-Identifier: Apache-2.0
// logproof/evidence.h - reads what a log is compared with: PCR values, a TPM, a quote with its key, a start state.
//
// What `imakeep verify` and `imakeep appraise` have in common. Threads: one thread; it reads files and a TPM.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "archive/chain_id.h"
#include "attest/expected.h"

namespace imakeep::logproof {

// The values of options; proof_options.h adds the options to a command.
struct ProofOptions {
  std::vector<std::string> files;
  std::optional<std::string> bank;
  std::optional<std::string> archive;
  std::optional<archive::ChainId> chain;
  std::optional<std::string> pcrs;
  std::optional<std::string> start;
  bool with_tpm = false;
  std::string tpm;
  std::optional<std::string> quote;
  std::optional<std::string> signature;
  std::optional<std::string> key;
  std::optional<std::string> nonce;
  std::optional<std::string> hash;
  std::optional<std::string> ak;        // of a bundle
  std::optional<std::string> ek_roots;  // of a bundle
};

// A quote that was checked: the key signed it, and it carries the nonce, if one was given.
struct GoodQuote {
  tpm::Quote quote;
  tpm::Signature signature;
  std::string key;
  bool nonce_checked = false;
  bool from_bundle = false;
  bool key_named = true;  // by the caller; otherwise only the bundle names it
};

// A PCR of the TPM that could not be read.
struct UnreadPcr {
  std::uint32_t pcr = 0;
  Error error;
};

// The values that the log is compared with.
struct Evidence {
  attest::Expected expected;
  std::optional<GoodQuote> quote;
  std::vector<UnreadPcr> unread;  // PCRs of the TPM
  bool every_pcr = false;         // values of all PCRs were read, whether or not records name them
  bool rtmrs = false;             // the values are those of RTMRs
};

// Errors: those of reading the files and the TPM; kUsage for options that do not go together; kMismatch for a quote
// that the key did not sign, or with another nonce.
Result<Evidence> read_evidence(const ProofOptions& options);

// The PCR state before the first record that is read, as --start gives it. Leaves out values of the TPM whose bank has
// no start.
Result<std::optional<imalog::PcrState>> read_start(const ProofOptions& options, Evidence& evidence);

}  // namespace imakeep::logproof
