// SPDX-License-Identifier: Apache-2.0
// enrol/public_area.h - a TPM's public area with all of its attributes. Internal to src/enrol: it includes tss2's
// types.
//
// Source: TPM 2.0 Library, part 2, section 12.2. Threads: values.
#pragma once

#include <tss2/tss2_tpm2_types.h>

#include "tpm/quote.h"

namespace imakeep::enrol {

struct PublicArea {
  Bytes bytes;         // TPMT_PUBLIC as it was given
  TPMT_PUBLIC area{};  // the same, decoded
  tpm::PublicKey key;
  digest::Algorithm name_hash = digest::Algorithm::kSha256;
};

// Accepts a TPM2B_PUBLIC and a TPMT_PUBLIC. Errors: those of tpm::parse_public_key(); kUnsupported for an unknown name
// algorithm.
Result<PublicArea> parse_public_area(ByteView bytes);

// The Name: TPM_ALG_ID of the name algorithm (big-endian), then its digest over the TPMT_PUBLIC (part 1, section 16).
Bytes name_of(const PublicArea& area);

}  // namespace imakeep::enrol
