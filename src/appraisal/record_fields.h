// SPDX-License-Identifier: Apache-2.0
// appraisal/record_fields.h - the fields of one record, by what they mean.
//
// Borrowed: each view is valid as long as the record's body. Threads: no shared state.
#pragma once

#include <optional>
#include <string>

#include "imalog/template.h"
#include "signature/signed_content.h"

namespace imakeep::appraisal {

struct RecordFields {
  std::string_view name;  // field n or n-ng, without its NUL
  std::optional<ByteView> plain_digest;
  std::optional<ByteView> named_digest;  // field d-ng or d-ngv2
  ByteView signature;                    // field sig
  ByteView modsig_digest;
  ByteView modsig;
  ByteView buffer;
  ByteView evm_signature;
  std::optional<std::uint32_t> uid;
  std::optional<std::uint32_t> gid;
  std::optional<std::uint16_t> mode;
  ByteView xattr_names;
  ByteView xattr_lengths;
  ByteView xattr_values;
};

// kMalformed if the body does not split into the template's fields, if a field has another size than its kind, if a
// field stands twice, or if the name or the digest is missing. kUnsupported if Linux has no such template.
Result<RecordFields> fields_of(const imalog::RecordContentView& content, ByteOrder order);

// The file digest of the record. Errors: those of signature::parse_digest_field(); kMalformed for field d of another
// size than that of sha1 and md5.
Result<signature::FileDigestView> file_digest(const RecordFields& fields);

// "sha256:HEX" or "verity:sha256:HEX".
std::string digest_text(const signature::FileDigestView& digest);

// The algorithm as one that a policy compares; empty for one that no policy knows.
std::optional<digest::Algorithm> policy_algorithm(signature::HashAlgorithm algorithm);

}  // namespace imakeep::appraisal
