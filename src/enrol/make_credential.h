// SPDX-License-Identifier: Apache-2.0
// enrol/make_credential.h - a credential that only the TPM with a given EK opens, and only for a key with a given Name.
//
//   file := 0xbadcc0de:u32  version:u32 = 1  id_object:TPM2B  encrypted_secret:TPM2B        big-endian
// This is the file that tpm2_makecredential writes and tpm2_activatecredential reads.
//
//   id_object        := hmac:TPM2B  enc_identity          TPMS_ID_OBJECT
//   enc_identity     := AES-CFB(KDFa(seed, "STORAGE", name), iv 0, TPM2B secret)
//   hmac             := HMAC(KDFa(seed, "INTEGRITY"), enc_identity || name)
//   encrypted_secret := RSA: OAEP of the seed, with the EK's name hash and the label "IDENTITY\0"
//                     | ECC: the ephemeral point; seed := KDFe(Z, "IDENTITY", ephemeral x, EK's x)
// Randomness: the seed of an RSA EK is an argument. OAEP's own seed and the ephemeral key of an ECC EK come from
// OpenSSL's generator, which takes none from outside.
//
// Source: TPM 2.0 Library, part 1, section 24 (credentials), 11.4.10 (KDFs), B.10.4 and C.6.4 (secrets); part 2,
// section 12.4. Threads: no shared state.
#pragma once

#include <memory>

#include "base/bytes.h"
#include "base/result.h"
#include "digest/algorithm.h"

struct evp_pkey_st;

namespace imakeep::enrol {

// An endorsement key (EK): what a credential is encrypted to. Copies share the key.
class EndorsementKey {
 public:
  // `public_area` is a TPM2B_PUBLIC or a TPMT_PUBLIC. Errors of tpm::parse_public_key(), and "EK refused (REASON): ..."
  // of code kUnsupported:
  //   not-storage  it is no restricted key for decryption only that is fixed to its TPM
  //   symmetric    it protects with another cipher than AES-CFB
  //   weak         RSA below 2048 bits, a curve below P-256, or a name algorithm weaker than sha256
  //   not-a-key    the numbers are no RSA key, or no point of the curve
  static Result<EndorsementKey> from_public(ByteView public_area);

  // The key of a certificate, with the template of TCG's EK Credential Profile 2.3 (B.3 and B.4) for its kind and size:
  // sha256 and AES-128 for RSA 2048 and P-256, sha384 and AES-256 for RSA 3072, RSA 4096 and P-384, sha512 and AES-256
  // for P-521. kUnsupported, as "EK refused (template): ...", for any other key.
  static Result<EndorsementKey> with_default_template(std::shared_ptr<evp_pkey_st> key);

  digest::Algorithm name_hash() const { return name_hash_; }
  // Length of the seed that make_credential() takes: the size of the name hash for RSA, 0 for ECC.
  std::size_t seed_bytes() const;
  const std::shared_ptr<evp_pkey_st>& key() const { return key_; }

 private:
  EndorsementKey(std::shared_ptr<evp_pkey_st> key, digest::Algorithm name_hash, unsigned aes_bits)
      : key_(std::move(key)), name_hash_(name_hash), aes_bits_(aes_bits) {}
  friend class CredentialMaker;

  std::shared_ptr<evp_pkey_st> key_;
  digest::Algorithm name_hash_;
  unsigned aes_bits_;
};

struct Credential {
  Bytes id_object;         // content of the TPM2B_ID_OBJECT
  Bytes encrypted_secret;  // content of the TPM2B_ENCRYPTED_SECRET

  friend bool operator==(const Credential&, const Credential&) = default;
};

// `ak_name` is the Name of the key that the secret is for (ak_check.h). `secret` has 1 byte up to the size of the EK's
// name hash. `seed` has ek.seed_bytes() bytes that nobody can predict. kUsage for other sizes; kUnsupported if OpenSSL
// lacks an algorithm or refuses the key.
Result<Credential> make_credential(const EndorsementKey& ek, ByteView ak_name, ByteView secret, ByteView seed);

Bytes credential_file(const Credential& credential);
// kTruncated: it ends too early; kMalformed: another magic, a part of impossible size, or bytes after the end;
// kUnsupported: another version.
Result<Credential> parse_credential_file(ByteView file);

}  // namespace imakeep::enrol
