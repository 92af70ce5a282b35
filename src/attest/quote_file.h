// SPDX-License-Identifier: Apache-2.0
// attest/quote_file.h - parses the files in which tools store a quote.
//
// - tpm2_quote -m: the TPMS_ATTEST
// - Keylime: 'r' base64(TPMS_ATTEST) ':' base64(TPMT_SIGNATURE) ':' base64(PCR values), as the agent sends it
// - FAPI's quote info: JSON with the fields of the TPMS_ATTEST; tss2_quote -q
//
// The TPM did not sign FAPI's JSON, but a TPMS_ATTEST. It is encoded again from the JSON's fields, with bitmaps of
// three bytes, as FAPI itself does to verify. If the TPM wrote other bytes, the signature does not verify.
//
// Source: keylime/tpm/tpm_util.py, checkquote(); ifapi_json_TPMS_ATTEST_serialize() and Fapi_VerifyQuote() in
// tpm2-tss 3.2 and 4.1. Threads: no shared state.
#pragma once

#include <optional>

#include "base/bytes.h"
#include "base/result.h"
#include "digest/algorithm.h"

namespace imakeep::attest {

struct QuoteFile {
  Bytes statement;                                // TPMS_ATTEST, for tpm::parse_quote()
  std::optional<Bytes> signature = std::nullopt;  // TPMT_SIGNATURE, if the file has it
  // The hash of the plain signature that belongs to the file, if the file names it.
  std::optional<digest::Algorithm> plain_hash = std::nullopt;
};

// A file that has neither Keylime's nor FAPI's form is taken for a TPMS_ATTEST, unchecked. Errors name the form:
//   kMalformed    Keylime's or FAPI's form, but a part is missing or malformed
//   kUnsupported  FAPI's form with a hash that imakeep does not know
Result<QuoteFile> parse_quote_file(ByteView file);

}  // namespace imakeep::attest
