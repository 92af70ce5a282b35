// SPDX-License-Identifier: Apache-2.0
// attest/pcr_bytes.h - the PCRs of several banks as bytes, within the saved states of this directory. Little-endian:
//
//   pcrs := touched:u32  bank_count:u8  bank[bank_count]
//   bank := algorithm:u16  fill:u8  digest for each bit of `touched`, the lowest first
//
// `algorithm` is a TPM_ALG_ID, `fill` a digest::Fill. Threads: no shared state.
#pragma once

#include <string>

#include "base/byte_reader.h"
#include "digest/pcr_state.h"

namespace imakeep::attest {

void append_pcrs(Bytes& out, const digest::PcrState& pcrs);

// Errors: kTruncated if the bytes end too early, kMalformed for others that append_pcrs() does not write, such as two
// banks with the same algorithm and fill. `what` begins the message of kMalformed: "the saved state of a chain".
Result<digest::PcrState> take_pcrs(ByteReader& reader, const std::string& what);

}  // namespace imakeep::attest
