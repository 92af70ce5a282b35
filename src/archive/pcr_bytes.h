// SPDX-License-Identifier: Apache-2.0
// archive/pcr_bytes.h - encodes PCR states and PCR values as bytes. The archive stores a state with every segment.
//
//   bytes := touched:u32  value*        little-endian; bit P of touched: PCR P was extended or set
//   value := digest of the bank's size  for each bank in the chain's order, for each touched PCR, lowest first
//
// An untouched PCR is zero. Values, with a quote:
//
//   bytes := value*
//   value := tpm_alg:u16  pcr:u8  digest of the bank's size       little-endian
//
// Threads: no shared state.
#pragma once

#include "digest/pcr_state.h"
#include "imalog/replay.h"

namespace imakeep::archive {

Bytes pcr_bytes(const digest::PcrState& state);

// kMalformed if the size does not match the banks and `touched`, or if `touched` names a PCR that no TPM has.
Result<digest::PcrState> pcr_state(ByteView bytes, const std::vector<digest::Bank>& banks);

Bytes value_bytes(const std::vector<imalog::PcrValue>& values);

// kMalformed for bytes that value_bytes() does not write.
Result<std::vector<imalog::PcrValue>> pcr_values(ByteView bytes);

}  // namespace imakeep::archive
