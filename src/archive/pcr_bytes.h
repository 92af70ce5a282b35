// SPDX-License-Identifier: Apache-2.0
// archive/pcr_bytes.h - encodes a PCR state as bytes. The archive stores one with every segment.
//
//   bytes := touched:u32  value*        little-endian; bit P of touched: PCR P was extended or set
//   value := digest of the bank's size  for each bank in the chain's order, for each touched PCR, lowest first
//
// An untouched PCR is zero. Threads: no shared state.
#pragma once

#include "digest/pcr_state.h"

namespace imakeep::archive {

Bytes pcr_bytes(const digest::PcrState& state);

// kMalformed if the size does not match the banks and `touched`, or if `touched` names a PCR that no TPM has.
Result<digest::PcrState> pcr_state(ByteView bytes, const std::vector<digest::Bank>& banks);

}  // namespace imakeep::archive
