// SPDX-License-Identifier: Apache-2.0
// attest/quote_check.h - checks that a quote was signed by a given key, and answers a given nonce.
//
// imalog::Replay compares the quoted PCRs with a log. The caller has to know which TPM the key belongs to: a signature
// proves that a TPM made the quote only if the private key never leaves that TPM. The attributes of a TPMT_PUBLIC state
// this. A PEM file does not, so the enrollment of the key has to ensure it.
//
// Source: TPM 2.0 Library, part 1, section 31 (attestation) and annexes B and C (RSA and ECC signatures).
// Threads: no shared state; several threads may use a VerificationKey at once.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tpm/quote.h"

struct evp_pkey_st;

namespace imakeep::attest {

class VerificationKey {
 public:
  // The keys of a file, at least one. A file is one of
  // - PEM: any number of public keys and certificates; other blocks and text between blocks are skipped
  // - DER: a SubjectPublicKeyInfo or a certificate; zeros or 0xff may pad it, as they do in an NV index of a TPM
  // - TPMT_PUBLIC: as tpm2_readpublic -f tpmt writes it
  // - TPM2B_PUBLIC: as tpm2_createak -u writes it
  // A file that begins with 0x30 is DER. Of a certificate only the key is used: its issuer and its dates are not
  // checked. If a PEM file has several keys, unusable ones are left out as long as one is usable. Errors:
  // - kMalformed, kTruncated: none of these
  // - kUnsupported: the key is neither RSA nor on a NIST curve, is weaker than 112 bits, or has TPM attributes that let
  //   it sign what its TPM did not state
  static Result<std::vector<VerificationKey>> parse(ByteView file);

  bool rsa() const;
  std::size_t rsa_bytes() const;  // the size of its signatures; 0 for ECDSA
  std::string name() const;       // "RSA 2048", "ECDSA P-256"; of one among several "RSA 2048, key 2 of 3"

 private:
  friend Result<void> check_signature(const tpm::Quote&, const tpm::Signature&, const VerificationKey&);
  explicit VerificationKey(std::shared_ptr<evp_pkey_st> key) : key_(std::move(key)) {}
  static Result<VerificationKey> checked(std::shared_ptr<evp_pkey_st> key);

  std::string kind() const;

  std::shared_ptr<evp_pkey_st> key_;
  std::string position_;  // ", key 2 of 3" if its file has several
};

// kMismatch: the key is of another kind than the signature, or did not sign these bytes. kUnsupported: the signature's
// hash is too weak (SHA-1), or OpenSSL lacks it.
Result<void> check_signature(const tpm::Quote& quote, const tpm::Signature& signature, const VerificationKey& key);

// A signature together with a key that may have made it.
struct Candidate {
  tpm::Signature signature;
  VerificationKey key;
  bool plain = false;  // its file names neither scheme nor hash
};

// The possible meanings of a signature file. A TPMT_SIGNATURE names its scheme and hash. A plain signature, as
// tpm2_quote -f plain and FAPI write it, has the size of the RSA key, or for an ECDSA key is the DER of RFC 3279,
// section 2.2.3. The key then determines the algorithm: RSASSA and RSAPSS are two candidates for an RSA key.
// `plain_hash` is the hash (default: sha256). Errors: parse_signature()'s if the file is neither; kUsage if
// `plain_hash` is given and a TPMT_SIGNATURE names another hash.
Result<std::vector<Candidate>> parse_candidates(ByteView file, const std::vector<VerificationKey>& keys,
                                                std::optional<digest::Algorithm> plain_hash);

// Returns the first candidate that passes check_signature(). If `nonce` is given, the quote must contain it: otherwise
// kMismatch. If no candidate passes, the error is that of the candidate that comes closest.
// REQUIRES: at least one candidate.
Result<Candidate> check_quote(const tpm::Quote& quote, const std::vector<Candidate>& candidates,
                              const std::optional<Bytes>& nonce);

}  // namespace imakeep::attest
