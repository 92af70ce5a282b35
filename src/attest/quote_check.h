// attest/quote_check.h - whether a quote was signed by a given key, and answers a given nonce.
//
// What the quote stands for (the PCRs) is imalog::Replay's to find; what the key stands for is the caller's to know: a
// signature proves a TPM only if the private key never leaves one. For a key given as a TPMT_PUBLIC its attributes say
// so; a PEM says nothing, and whoever enrolled it has to.
//
// Source: TPM 2.0 Library, part 1, section 31 (attestation) and annexes B and C (RSA and ECC signatures).
// Threads: no shared state; a VerificationKey may be used by many at once.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "tpm/quote.h"

struct evp_pkey_st;

namespace imakeep::attest {

class VerificationKey {
 public:
  // Takes a PEM public key, a PEM certificate (for its key: who issued it and until when is not looked at), a
  // TPMT_PUBLIC or a TPM2B_PUBLIC. Errors:
  //   kMalformed, kTruncated  none of these
  //   kUnsupported            neither RSA nor a NIST curve, weaker than 112 bits, or TPM attributes that let it sign
  //                           what its TPM did not state
  static Result<VerificationKey> parse(ByteView file);

  bool rsa() const;
  std::string name() const;  // "RSA 2048", "ECDSA P-256"

 private:
  friend Result<void> check_signature(const tpm::Quote&, const tpm::Signature&, const VerificationKey&);
  explicit VerificationKey(std::shared_ptr<evp_pkey_st> key) : key_(std::move(key)) {}

  std::shared_ptr<evp_pkey_st> key_;
};

// kMismatch: the key is of another kind than the signature, or did not sign these bytes. kUnsupported: a hash that
// signs nothing any more (SHA-1), or that OpenSSL lacks.
Result<void> check_signature(const tpm::Quote& quote, const tpm::Signature& signature, const VerificationKey& key);

// check_signature(), then the nonce if one is given: kMismatch if the quote carries another.
Result<void> check_quote(const tpm::Quote& quote, const tpm::Signature& signature, const VerificationKey& key,
                         const std::optional<Bytes>& nonce);

}  // namespace imakeep::attest
