// SPDX-License-Identifier: Apache-2.0
#include "appraisal/file_signatures.h"

#include "base/text.h"
#include "signature/modsig.h"

namespace imakeep::appraisal {
namespace {

using signature::FileDigestView;
using signature::Outcome;

Reason reason_of(Outcome outcome) {
  switch (outcome) {
    case Outcome::kNoSuchKey:
      return Reason::kSignatureKey;
    case Outcome::kBadSignature:
      return Reason::kSignatureBad;
    case Outcome::kOtherDigest:
      return Reason::kSignatureDigest;
    case Outcome::kOutsideValidity:
      return Reason::kSignatureDates;
    case Outcome::kVerified:
    case Outcome::kNotCheckable:
      break;
  }
  return Reason::kSignatureUnchecked;
}

FileSignatures answer_of(const signature::SignatureCheck& check, Rule rule) {
  if (check.verified()) return {.verified = rule};
  return {.reason = reason_of(check.outcome), .detail = signature::describe(check)};
}

FileSignatures unreadable(const Error& error) {
  return {.reason = Reason::kSignatureUnreadable, .detail = error.message};
}

// True for security.ima with a digest or security.evm with an HMAC, which Linux may copy into a field for signatures.
bool is_no_signature(const Error& error) {
  return error.code == ErrorCode::kUnsupported && error.offset == 0;
}

FileSignatures header_signature(ByteView field, const signature::SignedContent& content, Rule rule,
                                const signature::Keyrings& keyrings, const signature::CheckOptions& options) {
  if (field.empty()) return {};
  const auto signature = signature::parse_signature(field);
  if (!signature && is_no_signature(signature.error())) return {};
  if (!signature) return unreadable(signature.error());
  return answer_of(signature::check_signature(*signature, content, keyrings, options), rule);
}

// The value of one of the attributes that the record lists. Empty if the record lacks it, or its lists do not agree.
std::optional<ByteView> attribute_value(const RecordFields& fields, std::string_view wanted, ByteOrder order) {
  std::string_view names = as_text(fields.xattr_names);
  if (names.ends_with('\0')) names.remove_suffix(1);
  ByteView lengths = fields.xattr_lengths;
  ByteView values = fields.xattr_values;
  std::optional<ByteView> found;
  for (const std::string_view name : split(names, "|")) {
    if (lengths.size() < sizeof(std::uint32_t)) return std::nullopt;
    const std::size_t bytes = load<std::uint32_t>(lengths.data(), order);
    lengths = lengths.subspan(sizeof(std::uint32_t));
    if (values.size() < bytes) return std::nullopt;
    if (name == wanted && found) return std::nullopt;
    if (name == wanted) found = values.first(bytes);
    values = values.subspan(bytes);
  }
  return lengths.empty() && values.empty() ? found : std::nullopt;
}

// True if the value of security.ima is a digest of content, and that of the record. Source: enum evm_ima_xattr_type:
// type 1 is followed by sha1, type 4 by the number of the algorithm and the digest.
bool states_digest(ByteView value, const FileDigestView& digest) {
  constexpr std::byte kPlain{1};
  constexpr std::byte kNamed{4};
  if (digest.kind == signature::DigestKind::kVerity || value.empty()) return false;
  if (value[0] == kPlain) {
    return digest.algorithm == signature::HashAlgorithm::kSha1 && equal(value.subspan(1), digest.digest);
  }
  if (value[0] != kNamed || value.size() < 2) return false;
  return signature::hash_from_number(std::to_integer<std::uint8_t>(value[1])) == digest.algorithm &&
         equal(value.subspan(2), digest.digest);
}

FileSignatures portable_signature(const RecordFields& fields, const FileDigestView& digest, ByteOrder order,
                                  const signature::Keyrings& keyrings, const signature::CheckOptions& options) {
  if (fields.evm_signature.empty()) return {};
  if (!fields.uid || !fields.gid || !fields.mode) {
    return {.reason = Reason::kSignatureUnchecked, .detail = "the record lacks the metadata that the signature covers"};
  }
  const signature::SignedContent content{.file = digest,
                                         .metadata = signature::EvmMetadataView{.attribute_values = fields.xattr_values,
                                                                                .uid = *fields.uid,
                                                                                .gid = *fields.gid,
                                                                                .mode = *fields.mode,
                                                                                .order = order}};
  FileSignatures answer = header_signature(fields.evm_signature, content, Rule::kPortableSignature, keyrings, options);
  if (!answer.verified) return answer;
  const auto ima = attribute_value(fields, "security.ima", order);
  if (!ima) {
    return {.reason = Reason::kSignatureDigest, .detail = "the signed metadata has no security.ima"};
  }
  if (states_digest(*ima, digest)) return answer;
  const signature::SignedContent file_only{.file = digest};
  if (header_signature(*ima, file_only, Rule::kSignature, keyrings, options).verified) return answer;
  return {.reason = Reason::kSignatureDigest,
          .detail = "the signed metadata's security.ima is not about the record's digest"};
}

FileSignatures appended_signature(const RecordFields& fields, const signature::Keyrings& keyrings,
                                  const signature::CheckOptions& options) {
  if (fields.modsig.empty()) return {};
  const auto modsig = signature::Modsig::parse(fields.modsig);
  if (!modsig) return unreadable(modsig.error());
  const auto digest = signature::parse_digest_field(fields.modsig_digest);
  if (!digest) return unreadable(digest.error());
  return answer_of(signature::check_modsig(*modsig, *digest, keyrings, options), Rule::kAppendedSignature);
}

}  // namespace

FileSignatures check_file_signatures(const RecordFields& fields, const FileDigestView& digest, ByteOrder order,
                                     const signature::Keyrings& keyrings, const signature::CheckOptions& options) {
  const signature::SignedContent content{.file = digest};
  FileSignatures worst = header_signature(fields.signature, content, Rule::kSignature, keyrings, options);
  if (worst.verified) return worst;
  for (FileSignatures& answer :
       std::vector<FileSignatures>{portable_signature(fields, digest, order, keyrings, options),
                                   appended_signature(fields, keyrings, options)}) {
    if (answer.verified) return answer;
    if (worst.reason == Reason::kSignatureMissing) worst = std::move(answer);
  }
  return worst;
}

}  // namespace imakeep::appraisal
