// SPDX-License-Identifier: Apache-2.0
// signature/header.h - the signature in the extended attribute security.ima or security.evm, versions 2 and 3.
//
//   signature := type:u8  version:u8  hash:u8  key_id:u32  size:u16  bytes[size]       big-endian
//   type      := 3 file content | 5 portable EVM metadata | 6 fs-verity digest
//   version   := 2 (types 3 and 5) | 3
//
// `bytes` is PKCS#1 v1.5 of an RSA key, ECDSA's DER (RFC 3279, 2.2.3), or ML-DSA. check.h verifies it, and says what is
// signed. Fields `sig` and `evmsig` of a record hold such a signature: docs/formats/ima-signature.md.
// Source: struct signature_v2_hdr and enum evm_ima_xattr_type in the kernel's security/integrity/integrity.h,
// asymmetric_verify() in digsig_asymmetric.c, xattr_verify() in ima/ima_appraise.c. Threads: no shared state.
#pragma once

#include <string>

#include "base/bytes.h"
#include "signature/hash_algorithm.h"

namespace imakeep::signature {

// The value of an enumerator is Linux's number.
enum class SignatureType : std::uint8_t { kFile = 3, kPortable = 5, kVerity = 6 };

inline constexpr std::size_t kSignatureHeaderBytes = 9;

// Borrowed: `bytes` is valid only as long as the input of parse_signature().
struct SignatureView {
  SignatureType type = SignatureType::kFile;
  std::uint8_t version = 2;
  HashAlgorithm algorithm = HashAlgorithm::kSha256;
  std::uint32_t key_id = 0;
  ByteView bytes;
};

// Parses the whole attribute. Error::offset counts from its start. Errors:
//   kMalformed    cut short, longer than its header says, without signature bytes, an unknown hash, or a version that
//                 its type never has
//   kUnsupported  another kind of attribute (a digest, an HMAC), or version 1
Result<SignatureView> parse_signature(ByteView attribute);

// "0x1d3da8bb"
std::string key_id_text(std::uint32_t key_id);

}  // namespace imakeep::signature
