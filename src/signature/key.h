// SPDX-License-Identifier: Apache-2.0
// signature/key.h - a public key that checks signatures of files, with the key id by which headers name it.
//
// The key id is the last 4 bytes of the key identifier. If the key came in a certificate that has a subject key
// identifier (SKID), that is the key identifier. Otherwise it is SHA-1 over the RSAPublicKey of PKCS#1, over the
// uncompressed EC point, or over the public key's bits of another kind.
//
// Source: RFC 5280, 4.2.1.2; the kernel's find_asymmetric_key() and asymmetric_key_id_partial(); the key ids that
// evmctl writes. Threads: a Key is a constant value; several threads may use one at once.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "digest/digest.h"

struct evp_pkey_st;
struct x509_st;

namespace imakeep::signature {

struct CertificateInfo {
  std::string subject;  // RFC 2253; at most kMaxNameBytes of it
  std::string issuer;
  std::string serial;             // lower-case hexadecimal
  std::int64_t not_before_s = 0;  // seconds since 1970, UTC
  std::int64_t not_after_s = 0;
};

enum class KeyKind : std::uint8_t {
  kRsa,
  kEcdsa,  // on a NIST curve
  kMlDsa,
  kOther,
};

class Key {
 public:
  // The keys of a file, at least one: key_file.h names the forms. Of a certificate neither the issuer's signature nor
  // its extensions are checked: whoever put the file into a keyring vouches for it. A key that cannot check signatures
  // is a key too, so that a signature by it is told from one by an unknown key. An
  // RSA key of fewer than 1024 bits is one of these. kMalformed: no key, or a certificate whose dates cannot be read.
  static Result<std::vector<Key>> parse(ByteView file);

  std::uint32_t id() const;
  ByteView identifier() const;  // the whole key identifier
  KeyKind kind() const;
  // True if this library verifies signatures by the key: RSA with PKCS#1 v1.5, or ECDSA.
  bool can_check() const { return kind() == KeyKind::kRsa || kind() == KeyKind::kEcdsa; }
  const std::string& name() const;  // "RSA 2048", "ECDSA P-256", "ML-DSA-65"; of others OpenSSL's name or the OID
  const std::optional<CertificateInfo>& certificate() const;
  // SHA-256 over the SubjectPublicKeyInfo: equal for the same key with and without a certificate.
  const digest::Digest& fingerprint() const;

  // For sources that call OpenSSL. The first is nullptr only if can_check() is false, the second without a certificate.
  evp_pkey_st* openssl_key() const;
  x509_st* openssl_certificate() const;

 private:
  struct Parts;
  explicit Key(std::shared_ptr<const Parts> parts) : parts_(std::move(parts)) {}

  std::shared_ptr<const Parts> parts_;
};

}  // namespace imakeep::signature
