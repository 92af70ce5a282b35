// SPDX-License-Identifier: Apache-2.0
// tpm/quote.h - parses what a TPM 2.0 writes for a quote: the attestation statement, its signature, and the public key.
//
//   TPMS_ATTEST    := magic:u32 0xff544347  type:u16 0x8018  signer:TPM2B  extra_data:TPM2B
//                     clock:u64  reset_count:u32  restart_count:u32  safe:u8  firmware_version:u64
//                     TPML_PCR_SELECTION  pcr_digest:TPM2B
//   TPMT_SIGNATURE := scheme:u16  hash:u16  ( signature:TPM2B | r:TPM2B s:TPM2B )
//   TPMT_PUBLIC    := type:u16  name_hash:u16  attributes:u32  policy:TPM2B  parameters  unique
// All integers are big-endian. These are the files that tpm2_quote writes for -m and -s, and tpm2_createak for -u.
//
// Source: TPM 2.0 Library, part 2, sections 10.12 (attestation), 11.3 (signatures) and 12.2 (public areas).
// Threads: no shared state.
#pragma once

#include <vector>

#include "digest/bank.h"
#include "digest/pcr_state.h"

namespace imakeep::tpm {

// The PCRs of one bank in a quote, ascending.
struct PcrSelection {
  digest::Bank bank;
  std::vector<std::uint32_t> pcrs;
};

struct ClockInfo {
  std::uint64_t clock_ms = 0;       // time for which the TPM was powered, over its whole life
  std::uint32_t reset_count = 0;    // count of TPM resets: each started the PCRs from zero
  std::uint32_t restart_count = 0;  // resumes and restarts since the last reset
  bool safe = false;                // true: the TPM has never reported a greater clock
};

struct Quote {
  Bytes signed_bytes;  // the whole TPMS_ATTEST
  Bytes signer;        // qualified name of the signing key
  Bytes extra_data;    // the nonce
  ClockInfo clock;
  std::uint64_t firmware_version = 0;
  std::vector<PcrSelection> selections;  // in the order in which pcr_digest covers them
  Bytes pcr_digest;                      // over the selected PCRs, with the hash of the signature
};

enum class SignatureScheme : std::uint8_t { kRsaSsa, kRsaPss, kEcdsa };

std::string_view name(SignatureScheme scheme);  // name as in tpm2-tools: "rsassa"

struct Signature {
  SignatureScheme scheme = SignatureScheme::kEcdsa;
  digest::Algorithm hash = digest::Algorithm::kSha256;
  Bytes rsa;   // kRsaSsa, kRsaPss
  Bytes r, s;  // kEcdsa: big-endian numbers
};

enum class EccCurve : std::uint8_t { kP192, kP224, kP256, kP384, kP521 };

struct PublicKey {
  bool attests = false;  // sign, restricted and fixedTPM are set: the key signs only statements of its own TPM
  bool ecc = false;
  Bytes modulus;                     // RSA, big-endian
  std::uint32_t exponent = 65537;    // RSA
  EccCurve curve = EccCurve::kP256;  // ECC
  Bytes x, y;                        // ECC, big-endian
};

// Each function accepts exactly one structure. Errors, with Error::offset if it is known:
//   kTruncated    the bytes end too early
//   kMalformed    bytes after the end, an impossible size, not the TPM's magic, or a statement that is not a quote
//   kUnsupported  an unknown algorithm, named by its TPM_ALG_ID in hexadecimal, or a PCR above 23
Result<Quote> parse_quote(ByteView bytes);
Result<Signature> parse_signature(ByteView bytes);
// Accepts a TPM2B_PUBLIC, which tpm2_createak writes by default, and a TPMT_PUBLIC.
Result<PublicKey> parse_public_key(ByteView bytes);

}  // namespace imakeep::tpm
