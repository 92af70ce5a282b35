// SPDX-License-Identifier: Apache-2.0
// attest/verified_chain.h - what a verifier keeps of a host's chain between two attestations, and whether a quote
// continues that chain.
//
// A chain is the list of one boot of the TPM: a TPM reset begins a new chain, a kexec continues the old one. The state
// has the same size for a list of any length. As bytes, little-endian:
//
//   saved := "imkvchn1"  chain:u64  proven:u64  clock:u64  reset_count:u32  restart_count:u32
//            pcrs (attest/pcr_bytes.h)
//
// Source: TPM 2.0 Library, part 1, section 36 (clock and counts).
// Threads: plain values.
#pragma once

#include "base/bytes.h"
#include "base/result.h"
#include "digest/pcr_state.h"
#include "tpm/quote.h"

namespace imakeep::attest {

struct VerifiedChain {
  std::uint64_t chain = 0;     // number of the chain, from 1; 0: no quote was accepted yet
  std::uint64_t proven = 0;    // N: so many records from the chain's first are proven
  std::uint64_t clock_ms = 0;  // this and the counts: of the last accepted quote
  std::uint32_t reset_count = 0;
  std::uint32_t restart_count = 0;
  digest::PcrState pcrs = {};  // after the proven records; without banks until a quote was accepted

  friend bool operator==(const VerifiedChain&, const VerifiedChain&) = default;
};

Bytes save(const VerifiedChain& chain);
// Errors: kTruncated if the bytes end too early, kMalformed for others that save() does not write.
Result<VerifiedChain> load_verified_chain(ByteView saved);

// Whether the TPM was reset after the last accepted quote, so that the quote begins a new chain. Errors: kMismatch if
// the quote is older than the last accepted one.
Result<bool> begins_chain(const VerifiedChain& last, const tpm::ClockInfo& quoted);

}  // namespace imakeep::attest
