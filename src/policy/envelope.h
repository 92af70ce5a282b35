// SPDX-License-Identifier: Apache-2.0
// policy/envelope.h - checks the signatures of a policy in a DSSE envelope.
//
// An envelope is a JSON object {"payload": BASE64, "payloadType": TEXT, "signatures": [{"keyid": TEXT, "sig":
// BASE64}]}. What is signed is "DSSEv1 SP LEN(type) SP type SP LEN(payload) SP payload" with lengths in decimal (DSSE
// protocol 1.0, "PAE"). Base64 may be that of URLs. The key id is a hint that nobody signed, so it is not looked at.
//
// Threads: no shared state; several threads may use a PolicyKey at once.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"

struct evp_pkey_st;

namespace imakeep::policy {

inline constexpr std::string_view kPolicyPayloadType = "application/vnd.keylime+json";

// A file of keys that is larger is no file of keys. A policy with more signatures is refused: each costs time.
inline constexpr std::size_t kMostKeyFileBytes = 1 << 20;
inline constexpr std::size_t kMostSignatures = 16;

// A public key that signs policies: RSA of 2048 bits or more, or ECDSA on P-256, P-384 or P-521.
class PolicyKey {
 public:
  // The keys of a file, at least one: signature/key_file.h names the forms. Of a certificate only the key is used: its
  // issuer and its dates are not checked. Errors: kMalformed for any other file; kUnsupported for a key of another
  // kind.
  static Result<std::vector<PolicyKey>> parse(ByteView file);

  // Whether the key signed these bytes. ECDSA: the DER of RFC 3279, or both numbers one after the other; RSA: PKCS #1
  // v1.5 or PSS. The hash is sha256, or for the curves P-384 and P-521 also sha384 and sha512.
  bool signed_by(ByteView bytes, ByteView signature) const;

 private:
  explicit PolicyKey(std::shared_ptr<evp_pkey_st> key) : key_(std::move(key)) {}

  std::shared_ptr<evp_pkey_st> key_;
};

// A DSSE envelope, decoded.
struct Envelope {
  std::string payload_type;
  Bytes payload;
  std::vector<Bytes> signatures;
};

// The bytes that a signature of the envelope covers.
Bytes signed_bytes(std::string_view payload_type, ByteView payload);

// kMismatch if none of the keys made one of the signatures.
Result<void> check_envelope(const Envelope& envelope, const std::vector<PolicyKey>& keys);

}  // namespace imakeep::policy
