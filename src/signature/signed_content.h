// SPDX-License-Identifier: Apache-2.0
// signature/signed_content.h - what a signature in an extended attribute is over.
//
//   type  version  signed digest
//   3     2        the file digest itself
//   5     2        hash(attribute values || misc)
//   3, 6  3        hash(type:u8  algorithm:u8  file digest)                  struct ima_file_id
//   5     3        hash(type:u8  algorithm:u8  hash(attribute values || misc))
//
//   misc := inode  generation:u32  uid:u32  gid:u32  mode:u16  padding:u16   in the byte order of the host
//
// `inode` and `generation` are zeros in a portable signature. `inode` and the padding are as wide as a C compiler of
// the host makes them: 8 + 2 bytes on 64-bit hosts, 4 + 2 bytes on 32-bit hosts. ima_file_id holds the digest without
// the unused rest of its array. Source: calc_file_id_hash() in the kernel's ima/ima_appraise.c, hmac_add_misc() and
// evm_calc_hmac_or_hash() in evm/evm_crypto.c, ima_event*_init() in ima/ima_template_lib.c for the fields. Threads: no
// shared state.
#pragma once

#include "signature/header.h"

namespace imakeep::signature {

enum class DigestKind : std::uint8_t {
  kUnstated,  // a field "d-ng" does not say
  kContent,   // hash over the file's bytes
  kVerity,    // digest that fs-verity computes
};

// A file digest with its algorithm. Borrowed.
struct FileDigestView {
  HashAlgorithm algorithm = HashAlgorithm::kSha256;
  ByteView digest;
  DigestKind kind = DigestKind::kUnstated;
};

// Parses field d-ng or d-modsig ("ALG:" NUL digest) or d-ngv2 ("TYPE:ALG:" NUL digest). Errors:
//   kMalformed    no such field, or a digest whose size is not that of its algorithm
//   kUnsupported  an algorithm or a type of digest that Linux does not have
Result<FileDigestView> parse_digest_field(ByteView field);

// What a portable EVM signature is over. Template evm-sig has all of it. Borrowed.
struct EvmMetadataView {
  ByteView attribute_values;  // field xattrvalues: the values, one after the other
  std::uint32_t uid = 0;
  std::uint32_t gid = 0;
  std::uint16_t mode = 0;
  ByteOrder order = kHostOrder;  // of the host that signed
  std::size_t inode_bytes = 8;   // 8 or 4: size of the signing host's unsigned long
};

// What is known of the signed file.
struct SignedContent {
  std::optional<FileDigestView> file;
  std::optional<EvmMetadataView> metadata;
};

// The digest that EVM signs; empty if can_hash() is false.
std::optional<digest::Digest> evm_digest(HashAlgorithm algorithm, const EvmMetadataView& metadata);

// The digest that a version 3 signature of `type` is over; empty if can_hash() is false.
std::optional<digest::Digest> file_id_digest(SignatureType type, HashAlgorithm algorithm, ByteView file_digest);

}  // namespace imakeep::signature
