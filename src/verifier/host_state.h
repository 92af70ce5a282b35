// SPDX-License-Identifier: Apache-2.0
// verifier/host_state.h - what the verifier knows of a host between two attestations: the bytes that a store keeps as
// HostRow::state.
//
//   state := "imkhost1"  size:u32 chain[size]  size:u32 learned[size]  open_pcrs:u32  boot:u8  vector:i8[8]
//            refused:u64  open_findings:u64                                                   little-endian
// `chain` is attest/verified_chain.h's form, `learned` that of appraisal/learned_keys.h. Threads: plain values.
#pragma once

#include "appraisal/learned_keys.h"
#include "attest/verified_chain.h"
#include "ear/ar4si.h"

namespace imakeep::verifier {

struct HostState {
  attest::VerifiedChain chain;
  appraisal::LearnedKeys learned;  // from the proven records of the chain
  // PCRs that records named without being quoted. The next quote has to cover them.
  std::uint32_t open_pcrs = 0;
  // Over all proven records of the chain, so that a refused record is not forgotten with the next increment.
  ear::BootOutcome boot = ear::BootOutcome::kNoReference;
  ear::TrustVector vector;
  std::uint64_t refused = 0;
  std::uint64_t open_findings = 0;  // of the host, of earlier chains too; acknowledged ones do not count
};

Bytes save(const HostState& state);
// No bytes are the state of a host that never attested. Errors: kMalformed, kTruncated; the message names the part.
Result<HostState> load_host_state(ByteView saved);

}  // namespace imakeep::verifier
