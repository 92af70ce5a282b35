// SPDX-License-Identifier: Apache-2.0
// ear/signing_key.h - a private key that signs attestation results: ECDSA on P-256, algorithm ES256 (RFC 7518, 3.4).
//
// Threads: a SigningKey is a constant value; several threads may sign with one at once.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/result.h"

namespace imakeep::ear {

class PublicKey;

class SigningKey {
 public:
  // A PEM file with the key, PKCS#8 or SEC1, as `openssl ecparam -genkey` and pem() write it. kMalformed: no private
  // key, or an encrypted one; kUnsupported: a key of another kind or curve. `name` names the file in messages.
  static Result<SigningKey> parse_pem(ByteView file, const std::string& name);
  // A new key. kEnvironment if OpenSSL has no randomness.
  static Result<SigningKey> generate();

  // PKCS#8, not encrypted: for a file that only its owner can read.
  std::string pem() const;
  // The RFC 7638 thumbprint: the key's id in tokens and key sets.
  const std::string& id() const;
  PublicKey public_key() const;

  // The compact JWS with the header {"alg":"ES256","typ":"eat+jwt","kid":id()}. kEnvironment if the library fails.
  Result<std::string> sign(std::string_view payload) const;

 private:
  struct Parts;
  explicit SigningKey(std::shared_ptr<const Parts> parts) : parts_(std::move(parts)) {}
  friend struct KeyMaker;

  std::shared_ptr<const Parts> parts_;
};

}  // namespace imakeep::ear
