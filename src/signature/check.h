// SPDX-License-Identifier: Apache-2.0
// signature/check.h - says what a signature of a file proves: by which key of which keyring it is, or why it is not.
//
// The library takes any key that somebody put into a keyring, any hash, and RSA from 1024 bits on. Whether sha1 or a
// weak key is good enough is a policy's decision: the answer names both.
// Threads: no shared state; several threads may use one Keyrings while nobody changes it.
#pragma once

#include "signature/keyrings.h"
#include "signature/signed_content.h"

namespace imakeep::signature {

enum class Outcome : std::uint8_t {
  kVerified,         // `signer` made the signature over this content
  kOutsideValidity,  // the same, but the certificate is not valid at the given time, and the options ask for that
  kNoSuchKey,        // no keyring has the key that the signature names
  kBadSignature,     // `signer` has the named key id, and did not make this signature over this content
  kOtherDigest,      // the signature states another digest than the record's: its algorithm, kind or value differs
  kNotCheckable,     // `obstacle` says why
};

enum class Obstacle : std::uint8_t {
  kNone,
  kMlDsa,          // the signature is by ML-DSA, which this library does not verify
  kKeyKind,        // the key is of another kind than RSA or ECDSA on a NIST curve, or RSA below 1024 bits
  kScheme,         // RSA-PSS or another scheme that the kernel does not use for files
  kHashUnknown,    // this machine's OpenSSL lacks the hash
  kNoFileDigest,   // SignedContent has no file digest
  kNoEvmMetadata,  // a portable signature is over metadata, which SignedContent does not have
};

enum class Validity : std::uint8_t {
  kNotAsked,  // no time was given, or the key came without a certificate
  kValid,
  kNotYetValid,
  kExpired,
};

// A key, by values: it outlives the keyrings.
struct Signer {
  std::string keyring;
  std::string key_name;  // "RSA 2048"
  std::string subject;   // empty without a certificate
  digest::Digest key_fingerprint;
  Validity validity = Validity::kNotAsked;
};

struct SignatureCheck {
  Outcome outcome = Outcome::kNotCheckable;
  Obstacle obstacle = Obstacle::kNone;
  HashAlgorithm algorithm = HashAlgorithm::kSha256;  // the hash that the signature names
  std::string wanted_key;                            // how the signature names its key: "key id 0x1d3da8bb"
  std::optional<Signer> signer;  // if a key was found: the one that made the signature, else the last one tried
  std::size_t keys_tried = 0;    // keys that have the wanted name and can check signatures

  bool verified() const { return outcome == Outcome::kVerified; }
};

struct CheckOptions {
  std::optional<std::int64_t> now_unix_s = std::nullopt;  // without it no certificate is outside its validity
  // Linux accepts a key whatever the dates of its certificate are; so does the library unless this is set.
  bool require_validity = false;
};

// Checks a signature against all keys of all keyrings that have its key id.
SignatureCheck check_signature(const SignatureView& signature, const SignedContent& content, const Keyrings& keyrings,
                               const CheckOptions& options = {});

// A sentence without a full stop, for a person: "signed by RSA 2048 CN=x of keyring .ima". Foreign text is escaped.
std::string describe(const SignatureCheck& check);

}  // namespace imakeep::signature
