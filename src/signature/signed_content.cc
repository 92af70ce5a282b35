// SPDX-License-Identifier: Apache-2.0
#include "signature/signed_content.h"

#include "base/text.h"

namespace imakeep::signature {
namespace {

tl::unexpected<Error> bad_field(ErrorCode code, std::size_t offset, std::string message) {
  return unexpected(Error{.code = code, .message = std::move(message), .offset = offset});
}

struct DigestName {
  std::string_view algorithm;
  DigestKind kind = DigestKind::kUnstated;
};

// `prefix` is the field up to its NUL.
Result<DigestName> digest_name(std::string_view prefix) {
  const auto no_prefix = [] {
    return bad_field(ErrorCode::kMalformed, 0, "the digest field does not begin with ALG: or TYPE:ALG:");
  };
  if (prefix.empty() || prefix.back() != ':') return no_prefix();
  prefix.remove_suffix(1);
  const std::size_t colon = prefix.find(':');
  if (colon == std::string_view::npos) return DigestName{.algorithm = prefix};
  const std::string_view type = prefix.substr(0, colon);
  const std::string_view algorithm = prefix.substr(colon + 1);
  if (algorithm.find(':') != std::string_view::npos) return no_prefix();
  if (type == "ima") return DigestName{.algorithm = algorithm, .kind = DigestKind::kContent};
  if (type == "verity") return DigestName{.algorithm = algorithm, .kind = DigestKind::kVerity};
  return bad_field(ErrorCode::kUnsupported, 0, "digest type " + printable(type) + " is unknown");
}

}  // namespace

Result<FileDigestView> parse_digest_field(ByteView field) {
  const std::string_view text = as_text(field);
  const std::size_t nul = text.find('\0');
  if (nul == std::string_view::npos) {
    return bad_field(ErrorCode::kMalformed, field.size(), "the digest field has no NUL after its algorithm");
  }
  IMAKEEP_TRY(const DigestName name, digest_name(text.substr(0, nul)));
  const auto algorithm = hash_from_name(name.algorithm);
  if (!algorithm) {
    return bad_field(ErrorCode::kUnsupported, 0, "hash algorithm " + printable(name.algorithm) + " is unknown");
  }
  const ByteView digest = field.subspan(nul + 1);
  if (digest.size() != info(*algorithm).digest_bytes) {
    return bad_field(ErrorCode::kMalformed, nul + 1,
                     "the digest has " + std::to_string(digest.size()) + " bytes, and " +
                         std::string(info(*algorithm).name) + " has " + std::to_string(info(*algorithm).digest_bytes));
  }
  return FileDigestView{.algorithm = *algorithm, .digest = digest, .kind = name.kind};
}

std::optional<digest::Digest> evm_digest(HashAlgorithm algorithm, const EvmMetadataView& metadata) {
  constexpr std::size_t kGenerationBytes = 4;
  constexpr std::size_t kPaddingBytes = 2;
  Bytes misc(metadata.inode_bytes + kGenerationBytes);
  append_int(misc, metadata.uid, metadata.order);
  append_int(misc, metadata.gid, metadata.order);
  append_int(misc, metadata.mode, metadata.order);
  misc.resize(misc.size() + kPaddingBytes);
  return hash_of(algorithm, {metadata.attribute_values, misc});
}

std::optional<digest::Digest> file_id_digest(SignatureType type, HashAlgorithm algorithm, ByteView file_digest) {
  const std::byte front[] = {std::byte{static_cast<std::uint8_t>(type)},
                             std::byte{static_cast<std::uint8_t>(algorithm)}};
  return hash_of(algorithm, {front, file_digest});
}

}  // namespace imakeep::signature
